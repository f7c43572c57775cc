"""A conversation that holds parts of several items names each of them, with all their places in the stored texts."""

from typing import Any

import pytest

from conversation import answer_text, read, read_answer, stored_answer
from curation.checks import comparison
from curation.checks.comparison import compare
from curation.checks.findings import Facts, overlap
from curation.checks.lesson import Lesson
from curation.checks.remembered import Remembered
from curation.decontamination.overlap import MOST_OTHERS, MOST_SPANS, Match, Overlap, Span
from curation.decontamination.registry import Registry
from tests.curation.checks.test_conversation_overlap import ANSWER, KEY, QUESTION, talk

FERRY = (
    "How many crates of lemons did the ferry Halcyon carry from Port Amber on the morning when her captain forgot the"
    " ship's ledger on the quay?"
)
ITEMS = [("item", "coast v1", QUESTION, ANSWER), ("item-ferry", "ferries v2", FERRY, "Nine hundred and four crates.")]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_known", Remembered())


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_bytes(Registry.build(ITEMS, KEY), KEY, number=3)


def found(registry: Registry, messages: list[dict[str, Any]], answer: str = "Yes, gladly.") -> Overlap:
    (result,) = compare([(read(messages), read_answer(answer))], registry)
    return result


def places(match: Match) -> set[str]:
    return {span.part for span in match.spans}


def test_each_item_is_named_with_its_messages(registry: Registry) -> None:
    messages = talk(5)
    messages[0]["content"], messages[6]["content"] = QUESTION, f"One more thing. {FERRY}"
    result = found(registry, messages)
    assert [(match.item_id, match.benchmark) for match in result.matches] == [
        ("item", "coast v1"),
        ("item-ferry", "ferries v2"),
    ]
    assert [places(match) for match in result.matches] == [{"messages[0].content"}, {"messages[6].content"}]


def test_question_and_answer_are_both_marked(registry: Registry) -> None:
    messages = talk(3)
    messages[2]["content"], messages[3]["content"] = f"Tell me: {QUESTION}", f"{ANSWER} I am sure."
    result = found(registry, messages)
    assert len(result.matches) == 1
    assert places(result.matches[0]) == {"messages[2].content", "messages[3].content"}
    texts = {span.part: messages[int(span.part[9])]["content"][span.start : span.end] for span in result.spans}
    assert "lighthouse keeper" in texts["messages[2].content"] and "Tell me" not in texts["messages[2].content"]
    assert "Osmund Tarrant" in texts["messages[3].content"] and "I am sure" not in texts["messages[3].content"]


def test_an_item_that_stands_twice_is_marked_in_both_messages(registry: Registry) -> None:
    messages = talk(5)
    messages[0]["content"], messages[8]["content"] = QUESTION, f"Again: {QUESTION}"
    assert places(found(registry, messages).matches[0]) == {"messages[0].content", "messages[8].content"}


def test_an_item_is_named_once_however_many_readings_hold_it(registry: Registry) -> None:
    messages = talk(6)
    for message in messages[::2]:
        message["content"] = QUESTION
    assert len(found(registry, messages).matches) == 1


# --- the evidence of the check ----------------------------------------------------------------------------------------
def evidence_of(result: Overlap) -> dict[str, Any]:
    asked, answered = read(talk(1)), read_answer("Yes.")
    lesson = Lesson(asked.text, answer_text(answered), asked.stored, stored_answer(answered))
    return overlap(Facts("correction", **lesson._asdict(), overlap=result)).evidence


def test_the_evidence_lists_them_without_a_word_of_the_exam(registry: Registry) -> None:
    messages = talk(5)
    messages[0]["content"], messages[6]["content"] = QUESTION, f"One more thing. {FERRY}"
    finding = overlap(Facts("correction", overlap=found(registry, messages)))
    (other,) = finding.evidence["others"]
    assert other.keys() == {"method", "score", "limit", "item", "benchmark", "spans"}
    assert (other["item"], other["benchmark"]) == ("item-ferry", "ferries v2")
    assert "more_in_epoch" not in finding.evidence
    assert "and with 1 other item." in finding.message
    assert not any(word in str(finding) for word in ("lighthouse", "Halcyon", "crates"))


def test_it_says_when_there_are_more_than_it_lists() -> None:
    matches = tuple(Match("containment", 0.5, 0.25, f"i{n}", "b v1") for n in range(MOST_OTHERS))
    result = Overlap(1.0, 1.0, "exact", "first", "b v1", others=matches, more_in_epoch=4)
    assert evidence_of(result)["more_in_epoch"] == 4
    assert f"more than {MOST_OTHERS} other items" in overlap(Facts("correction", overlap=result)).message


def test_the_places_of_one_item_are_bounded() -> None:
    spans = [Span("prompt", n, n + 1) for n in range(3 * MOST_SPANS)]
    assert len(evidence_of(Overlap(1.0, 1.0, "exact", "first", "b v1", spans=spans))["spans"]) == MOST_SPANS


def test_one_item_leaves_the_evidence_as_it_was(registry: Registry) -> None:
    messages = talk(3)
    messages[2]["content"] = QUESTION
    assert not {"others", "more_in_epoch"} & evidence_of(found(registry, messages)).keys()
