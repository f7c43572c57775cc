"""What the line of an overlap says of each measure."""

from curation.decontamination import overlap
from curation.triage import wording


def shown(scores: dict[str, float]) -> dict[str, tuple[str, str]]:
    found = wording.measures({"method": "containment", "scores": scores}, overlap.limits(None), False)
    return {measure.name: (measure.value, measure.limit) for measure in found}


def test_the_limit_of_meaning_is_the_items_own() -> None:
    near_clean_texts = {"exact": 0.0, "containment": 0.1, "meaning": 0.5, "meaning_background": 0.7}
    assert shown(near_clean_texts)["Meaning"] == ("50%", "80%")
    assert shown(near_clean_texts | {"meaning_background": 0.2})["Meaning"] == ("50%", "68%")


def test_a_measure_that_was_not_taken_says_so() -> None:
    assert shown({"exact": 0.0, "containment": 0.1})["Meaning"] == ("not checked", "")
    assert shown({"exact": 0.0})["Structure of code"] == ("no code to compare", "")
    assert shown({"exact": 0.0, "structure": 0.2})["Structure of code"] == ("20%", "55%")
    assert shown({})["Other languages"] == ("not checked", "")


def test_other_languages_are_named_with_what_was_found_or_that_nobody_looked() -> None:
    def said(scores: dict[str, float] | None = None, hit: bool = False, **evidence: object) -> tuple[str, str]:
        method = "translation" if hit else "containment"
        found = wording.measures({"method": method, "scores": scores or {}, **evidence}, overlap.limits(None), hit)
        return next((each.value, each.limit) for each in found if each.name == "Other languages")

    scores = {"translation": 0.97, "translation_limit": 0.92}
    assert said(translator="many-languages 1") == ("none", "")
    assert said(languages=["de", "ru"]) == ("not checked: German, Russian", "")
    assert said(scores | {"translation": 0.8}, languages=["de"], translator="m") == ("German: 80%", "92%")
    assert said(scores, True, languages=["de"], translator="m") == ("97%", "92%")
