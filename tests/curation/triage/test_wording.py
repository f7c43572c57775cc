"""What the line of an overlap says of each measure."""

from curation.checks.findings import UNTOLD
from curation.decontamination import overlap
from curation.models import Blocker
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
    assert said(translator="many-languages 1", not_checked=[UNTOLD]) == ("not told", "")
    assert said(languages=["de", "ru"]) == ("not checked: German, Russian", "")
    assert said(scores | {"translation": 0.8}, languages=["de"], translator="m") == ("German: 80%", "92%")
    assert said(scores, True, languages=["de"], translator="m") == ("97%", "92%")


def overlap_line(blocking: bool, score: float, message: str = "", **evidence: object) -> wording.Check:
    finding = Blocker(
        check_name="overlap", blocking=blocking, score=score, limit=0.25, message=message, evidence=evidence
    )
    return wording.check(finding, overlap.limits(None))


def test_a_row_of_a_template_says_so_in_words() -> None:
    said = overlap_line(False, 0.0, "It has the wording of an item.", scores={"template": 0.45})
    assert (said.words, said.how, said.tone) == ("Same template, 45%", "It has the wording of an item.", "warn")


def test_a_measure_that_blocks_nothing_is_off() -> None:
    assert shown({"exact": 0.0, "template": 0.4})["Same template"] == ("40%", "off")


def test_every_item_is_a_line_with_its_messages_in_order() -> None:
    paths = ["messages[10].content", "messages[9].content", "answer.content"]
    spans = [{"field": path, "start": 0, "end": 9} for path in (paths[2], *paths[:2])]
    other = {"method": "exact", "score": 1.0, "limit": 1.0, "benchmark": "coast v1", "spans": []}
    said = overlap_line(True, 0.5, method="containment", benchmark="exam v1", spans=spans, others=[other])
    assert [(item.benchmark, item.how, item.value) for item in said.items] == [
        ("exam v1", "Rare word sequences", "50%"),
        ("coast v1", "Word for word", ""),
    ]
    assert said.items[0].places == ("message 10", "message 11", "the answer")
    assert not overlap_line(True, 0.5, method="containment", benchmark="exam v1").items
