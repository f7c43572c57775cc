"""What eight words in a row of most of a field would find is found: of few rare n-grams too, wherever it stands."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from curation.decontamination.normalise import words
from curation.decontamination.registry import Registry
from curation.decontamination.scanning import kernel_keys
from curation.decontamination.words import runs
from curation.decontamination.words.fingerprints import fingerprint_batch
from tests.curation.conftest import KEY

TEMPLATE = "Write a function in Python that takes a list of {} and gives back how many of the {} in it are {}"
TOWNS = (
    *("anvers", "berne", "calais", "dover", "essen", "florence", "genoa", "hamburg"),
    *("inverness", "jena", "kiel", "lyon", "malmo", "nice", "oslo", "porto"),
)
FILLER = "The harbour was quiet that morning. Nobody had seen the ferry leave, and the lamps were still burning. "
SIBLINGS = [
    (f"t{n}", "templates v1", TEMPLATE.format(a, b, c), f"return len([one for one in {a} if {b} is {c}])")
    for n, (a, b, c) in enumerate(zip(TOWNS, TOWNS[1:] + TOWNS[:1], TOWNS[5:] + TOWNS[:5], strict=True))
]


def registry_of(items: Sequence[tuple[str, str, str, str]], clean: Sequence[str] = ()) -> Registry:
    return Registry.from_bytes(Registry.build(items, KEY, clean), KEY)


def eight_grams(text: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(text[i : i + 8]) for i in range(len(text) - 7)}


def held(row: str, field: str) -> float:
    """The share of a field's 8-grams that a row holds."""
    theirs = eight_grams(words(field))
    return len(theirs & eight_grams(words(row))) / len(theirs) if theirs else 0.0


@pytest.mark.parametrize("around", ["", FILLER, FILLER * 9])
def test_what_is_left_of_a_field_is_found_as_far_as_eight_words_in_a_row_find_it(around: str) -> None:
    registry, rng, found = registry_of(SIBLINGS, [FILLER]), random.Random(5), 0
    for _, _, question, answer in SIBLINGS:
        for field in (question, answer, f"{question}\n{answer}"):
            text = field.split(" ")
            first = rng.randrange(3)
            row = f"{around}{' '.join(text[first : len(text) - rng.randrange(3)])}\n\n{around}"
            if held(row, field) >= runs.SHARE:
                found += 1
                assert registry.check(row).blocked, (field, row)
    assert found > 15


def test_what_is_left_is_marked_where_it_stands() -> None:
    rest = " ".join(SIBLINGS[3][2].split(" ")[1:])
    overlap = registry_of(SIBLINGS).check(FILLER + rest)
    assert overlap.method == "sequence"
    (span,) = overlap.spans
    assert FILLER + rest == (FILLER + rest)[: span.end]
    assert len(FILLER) <= span.start < len(FILLER) + 0.2 * len(rest)


def test_what_several_items_begin_with_is_their_template() -> None:
    endings = ("early", "late", "at noon", "at night", "by day", "on foot")
    question = "Write a function in Python that takes a list of the ferries and gives back those that left the town {}"
    items = [(f"i{n}", "exam v1", question.format(ending), "") for n, ending in enumerate(endings)]
    registry = registry_of(items)
    assert registry.check(question.format("late")).blocked
    assert not registry.check(question.format("with no cargo")).blocked
    assert registry_of(items[:1]).check(question.format("with no cargo")).blocked


@pytest.mark.parametrize(
    "answer", ["It depends on which country you are in", "1000-356=644 and 1000-135=865, 644+865=1509"]
)
def test_an_answer_of_eight_words_is_found_though_a_clean_text_holds_it(answer: str) -> None:
    item = ("i", "exam v1", "Which university has the most students of all, would you say?", answer)
    clean = [f"Somebody asked number {n}, who said: {answer}." for n in range(3)]
    registry = registry_of([item], clean)
    assert registry.check(FILLER + answer + ".").blocked
    assert not registry.check(FILLER + "It depends on how you look at it.").blocked


def test_an_answer_that_many_clean_texts_hold_or_many_items_have_is_anybodys() -> None:
    answer = "There is no way of telling from what is said here"
    questions = [f"Which of the towns of {town} has the oldest harbour that is still in use?" for town in TOWNS]
    clean = [f"Number {n} of them wrote this: {answer}, and left." for n in range(20)]
    assert not registry_of([("i", "exam v1", questions[0], answer)], clean).check(answer).blocked
    assert registry_of([("i", "exam v1", questions[0], answer)], clean[:2]).check(answer).blocked
    repeated = [(f"i{n}", "exam v1", question, answer) for n, question in enumerate(questions)]
    assert not registry_of(repeated).check(answer).blocked


def test_the_runs_of_a_field_are_those_that_keep_eight_tenths_of_its_8_grams() -> None:
    """Of 20 words, 13 of which begin an 8-gram: 2 may be lost, at either end or one at each."""
    text, keys = " ".join(f"w{n}" for n in range(20)), kernel_keys(KEY)
    found = runs.cut([("unchosen", ""), (text, "")], np.array([[False] * 3, [True, False, False]]), keys)
    assert found.field.tolist() == [3, 3, 3]
    assert found.lengths.tolist() == [18, 18, 18]
    assert found.before.tolist() == [int(found.before[0]) - n for n in range(3)]
    pieces = [" ".join(text.split()[n : n + 18]) for n in range(3)]
    prints = fingerprint_batch([(piece, "") for piece in pieces], keys)[0][1][:, 0]
    assert found.prints.tolist() == prints.tolist()


def test_what_holds_no_eight_words_or_very_many_is_not_cut() -> None:
    texts = [("seven words are too few for this", ""), (" ".join(map(str, range(runs.MOST_WORDS + 1))), "")]
    assert len(runs.cut(texts, np.ones((2, 3), bool), kernel_keys(KEY)).field) == 0
