"""A finding says in which other languages a row was compared, by which model, and in which nobody compared it."""

from typing import Any

from curation.checks.comparison import strongest_of
from curation.checks.findings import UNTOLD, Facts, overlap
from curation.checks.passages import Piece, Reading, Text
from curation.decontamination.overlap import Overlap


def evidence(**said: Any) -> dict[str, Any]:
    result = Overlap(0.1, 0.25, "containment", scores={"containment": 0.1}, **said)
    finding = overlap(Facts("correction", prompt="Frage", answer="Antwort", overlap=result))
    assert not finding.blocking
    return finding.evidence


def test_a_row_that_was_compared_in_its_language() -> None:
    said = evidence(languages=("de",), translator="many-languages 1")
    assert (said["languages"], said["translator"]) == (["de"], "many-languages 1")
    assert "not_checked" not in said


def test_a_row_in_the_items_language_was_searched_and_is_in_no_other() -> None:
    said = evidence(translator="many-languages 1")
    assert said["translator"] == "many-languages 1" and "languages" not in said


WELSH = (
    "Pa geidwad goleudy a beintiodd oriel ogleddol y penrhyn yn y gaeaf, a pha un o'r tri lliw a ddefnyddiodd ef i"
    " wneud hynny cyn i'r harbwr rewi?"
)


def unchecked(prompt: str, **said: Any) -> list[str]:
    result = Overlap(0.1, 0.25, "containment", scores={"containment": 0.1}, **said)
    found: list[str] = overlap(Facts("correction", prompt=prompt, overlap=result)).evidence.get("not_checked", [])
    return found


def test_a_row_in_no_language_that_is_told_says_so() -> None:
    assert unchecked(WELSH, translator="many-languages 1") == [UNTOLD]


def test_prose_that_is_told_and_what_is_short_or_code_say_nothing() -> None:
    english = "Which keeper of the lighthouse painted the gallery in the winter, and with which of the pigments?"
    for text in (english, WELSH[:30], "for number in range(10):\n    print(number, rows[number])\n" * 9):
        assert unchecked(text, translator="many-languages 1") == []


def test_where_no_model_compares_languages_that_is_said_and_not_this() -> None:
    assert unchecked(WELSH) == []
    assert UNTOLD not in unchecked(WELSH, languages=("de",), translator="many-languages 1")


def test_a_row_that_no_model_compared_is_not_checked_by_the_name_of_its_language() -> None:
    assert evidence(languages=("de", "zh"))["not_checked"] == ["texts_in_German", "texts_in_Chinese"]


def test_a_block_names_method_and_languages() -> None:
    result = Overlap(0.96, 0.92, "translation", "item", "exam v1", languages=("fr",), translator="many-languages 1")
    finding = overlap(Facts("correction", prompt="Question", answer="", overlap=result))
    assert finding.blocking and finding.evidence["languages"] == ["fr"]
    assert "translation 0.96, limit 0.92" in finding.message


def test_a_conversation_says_the_languages_of_all_its_texts_and_the_nearest_score() -> None:
    clean = {"containment": 0.1}
    near, far = ({**clean, "translation": score, "translation_limit": 0.92} for score in (0.8, 0.6))
    overlaps = [
        Overlap(0.1, 0.25, "containment", scores=clean, translator="m"),
        Overlap(0.1, 0.25, "containment", scores=near, languages=("ru",), translator="m"),
        Overlap(0.1, 0.25, "containment", scores=far, languages=("de",), translator="m"),
    ]
    row = [Reading((Piece(Text("messages[0].content", "x", "x", "user"), 0, "x"),))] * 3
    found = strongest_of(row, overlaps)
    assert (found.languages, found.translator, found.scores["translation"]) == (("de", "ru"), "m", 0.8)
