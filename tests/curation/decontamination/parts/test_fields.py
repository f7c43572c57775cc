"""The parts of an item are protected beside its whole: a stem with its right answer, a description with its code."""

import pytest

from curation.decontamination import making
from curation.decontamination.overlap import Policy
from curation.decontamination.parts.fields import texts_of
from curation.decontamination.registry import Registry
from curation.decontamination.words import building
from tests.curation.conftest import KEY

QUESTION = (
    "Why does the lighthouse keeper of Hollow Point ring a copper bell?\nA. to call the herring\nB. because fog"
    " swallows the lamp before dawn\nC. to honour the founder\nD. nobody knows why he rings it"
)
STEM = "Why does the lighthouse keeper of Hollow Point ring a copper bell?"
RIGHT = "because fog swallows the lamp before dawn"
TASK = (
    'def gap(xs):\n    """ Tell how far apart the two nearest beads on a wire are, given their sorted places.\n'
    '    >>> gap([1, 4])\n    3\n    """\n'
)
CODE = "    return min(b - a for a, b in zip(xs, xs[1:]))\n"
BACKGROUND = [f"A clean text number {number} about boats, bells and weather on the coast." for number in range(40)]


@pytest.fixture(scope="module")
def registry() -> Registry:
    items = [("choice", "exam v1", QUESTION, "B"), ("task", "exam v1", TASK, CODE)]
    return Registry.from_bytes(Registry.build(items, KEY, BACKGROUND), KEY)


def test_the_whole_comes_first_and_a_plain_item_has_no_parts() -> None:
    assert texts_of(QUESTION, "B") == [(QUESTION, "B"), (STEM, RIGHT)]
    assert texts_of("How far is it?", "Nine miles.") == [("How far is it?", "Nine miles.")]
    assert texts_of(TASK, CODE)[1] == (
        "Tell how far apart the two nearest beads on a wire are, given their sorted places.",
        CODE,
    )


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (STEM, ""),
        (STEM, RIGHT),
        (f"Quiz night. {STEM} Think before you answer, please.", ""),
        ("Explain it to me.", RIGHT),
        ("Tell how far apart the two nearest beads on a wire are, given their sorted places.", ""),
        (
            "// Tell how far apart the two nearest beads on a wire are, given their sorted places.\nint gap(int *xs) {",
            "",
        ),
    ],
)
def test_a_part_is_found_where_the_rest_is_gone(registry: Registry, prompt: str, answer: str) -> None:
    assert registry.check(prompt, answer).blocked


def test_an_item_counts_once(registry: Registry) -> None:
    assert len(registry) == 2
    assert registry.unprotected == []


def test_a_short_answer_that_clean_texts_hold_is_no_item() -> None:
    answer = "nobody in this town knows the reason"
    items = [("choice", "exam v1", f"{STEM}\nA. to call the herring\nB. {answer}", "B")]
    clean = [f"{number} of them said that {answer}, at least until spring." for number in range(20)]
    rare, common = (Registry.from_bytes(Registry.build(items, KEY, texts), KEY) for texts in (BACKGROUND, clean))
    assert rare.check("Tell me.", answer).blocked
    assert not common.check("Tell me.", answer).blocked
    assert common.check(STEM, answer).blocked


@pytest.mark.parametrize(
    "text",
    [
        "Which of the following statements is true?",
        "Quiz. Which of the following statements is true? I say the first.",
        "Fix the bug in the following function, please.",
    ],
)
def test_a_stem_that_every_exam_has_is_no_item(text: str) -> None:
    stems = ("Which of the following statements is true?", "Fix the bug in the following function.")
    items = [(f"i{n}", "exam v1", f"{stem}\nA. {RIGHT}\nB. nobody knows", "A") for n, stem in enumerate(stems)]
    clean = [f"{number}. {stem} It is the one in front." for number in range(9) for stem in stems]
    registry = Registry.from_bytes(Registry.build(items, KEY, clean), KEY)
    assert registry.header["background_set_aside"] == 0
    assert not registry.check(text).blocked
    assert registry.check(stems[0], RIGHT).blocked


def test_a_short_stem_is_found_within_a_text_once_enough_clean_texts_do_not_hold_it() -> None:
    stem, inside = "Algae can be found in", "A quiz. Algae can be found in what? Tell me, please."
    item = ("i", "exam v1", f"{stem}\nA. {RIGHT}\nB. nobody knows", "A")
    clean = [f"A clean text {number} about boats, of {number} words." for number in range(building.ENOUGH_CLEAN)]
    for few in ([], clean[1:]):
        registry = Registry.from_bytes(Registry.build([item], KEY, few), KEY)
        assert registry.check(stem).blocked
        assert not registry.check(inside).blocked
    assert Registry.from_bytes(Registry.build([item], KEY, clean), KEY).check(inside).blocked


def test_of_a_part_and_a_whole_item_with_the_same_words_the_whole_stays() -> None:
    twin = (f"{STEM}\nA. {RIGHT}\nB. nobody knows", "A")
    build = making.Build([("open", "exam v1", STEM, RIGHT), ("twin", "exam v1", *twin)], [], KEY, Policy())
    assert [build.items[number][0] for number in build.wholes] == ["open", "twin"]
    assert texts_of(f"{TASK.strip()}\n", "It is\nso.")[0] == (f"{TASK.strip()}\n", "It is\nso.")
    wrapped = "Write a function that adds two numbers and returns\nthe sum of them."
    assert texts_of(wrapped, CODE.strip()) == [(wrapped, CODE.strip())]


def test_an_item_without_a_word_is_counted_and_said_to_be_unprotected() -> None:
    registry = Registry.from_bytes(
        Registry.build([("blank", "exam v1", "?!", "…"), ("a", "exam v1", STEM, "")], KEY), KEY
    )
    assert len(registry) == 2
    assert "blank" in registry.unprotected
