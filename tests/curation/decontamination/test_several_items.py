"""A row that holds parts of several items names each of them, up to a bound, and marks all that is theirs."""

import pytest

from curation.decontamination.overlap import MOST_OTHERS, Overlap
from curation.decontamination.registry import Registry
from tests.curation.conftest import EXAM, KEY
from tests.support.growth import grows_linearly

LONG, SHORT = EXAM
LIGHTHOUSE = (
    "item-light",
    "coast v1",
    "Which lighthouse keeper painted the northern gallery of Vessel Point in the winter of 1931, and with which of the"
    " three pigments did he do it?",
    "Keeper Osmund Tarrant did, with the ochre that his sister ground from the cliff above the landing stage.",
)
FILLER = "The committee met on Tuesday to talk about the garden, and nobody had watered the beans since May. "


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_bytes(Registry.build([*EXAM, LIGHTHOUSE], KEY), KEY, number=7)


def items(overlap: Overlap) -> list[str]:
    return [match.item_id for match in overlap.matches]


def marked(overlap: Overlap, prompt: str, answer: str = "") -> list[str]:
    texts = {"prompt": prompt, "answer": answer}
    return [texts[span.part][span.start : span.end] for span in overlap.spans]


# --- several items ----------------------------------------------------------------------------------------------------
def test_each_item_is_named_with_its_measure_and_its_place(registry: Registry) -> None:
    prompt = f"{FILLER}{LONG[2]}\n{FILLER}{LIGHTHOUSE[2]}\n{SHORT[2]} {FILLER}"
    overlap = registry.check(prompt, "Yes.")
    assert sorted(items(overlap)) == ["item-light", "item-short", "item-train"]
    assert overlap.more_in_epoch is None
    for match in overlap.matches:
        assert match.score >= match.limit > 0
    light = next(match for match in overlap.matches if match.item_id == "item-light")
    assert (light.method, light.benchmark) == ("containment", "coast v1")
    (span,) = light.spans
    assert prompt[span.start : span.end] in LIGHTHOUSE[2] and span.end - span.start > 0.9 * len(LIGHTHOUSE[2])


def test_a_row_of_one_item_names_no_other(registry: Registry) -> None:
    for prompt, answer in ((LONG[2], LONG[3]), (FILLER + LONG[2], "Yes."), (SHORT[2], "No idea.")):
        assert len(items(registry.check(prompt, answer))) == 1


def test_a_clean_row_names_none(registry: Registry) -> None:
    overlap = registry.check(FILLER * 5, "Yes.")
    assert (overlap.matches, overlap.others, overlap.more_in_epoch) == ((), (), None)


def test_they_are_looked_for_only_where_places_are_asked_for(registry: Registry) -> None:
    (overlap,) = registry.screen([(f"{LONG[2]} {LIGHTHOUSE[2]}", "")], spans=False)
    assert overlap.blocked and not overlap.others


def test_only_newer_items_are_named_where_only_they_are_asked_for(registry: Registry) -> None:
    old = Registry.from_bytes(Registry.build(EXAM, KEY, number=1), KEY, number=1)
    both = Registry.build([*EXAM, LIGHTHOUSE], KEY, number=2, previous=old)
    overlap = Registry.from_bytes(both, KEY, number=2).check(f"{LONG[2]} {LIGHTHOUSE[2]}", since=1)
    assert items(overlap) == ["item-light"]


def test_code_and_words_of_different_items_are_both_named() -> None:
    solution = (
        "def spread(rows, width):\n    total = 0\n    for number, row in enumerate(rows):\n"
        "        if row % width == 0:\n"
        "            total += row * number - width\n        elif number > width:\n            total -= abs(row) // 2\n"
        "    return max(total, len(rows))\n"
    )
    renamed = solution
    for old, new in (("spread", "calc"), ("rows", "xs"), ("width", "w"), ("total", "acc"), ("number", "i")):
        renamed = renamed.replace(old, new)
    code = ("item-code", "programs v1", "Spread the rows over the width.", solution)
    registry = Registry.from_bytes(Registry.build([LIGHTHOUSE, code], KEY), KEY)
    overlap = registry.check(f"{LIGHTHOUSE[2]}", f"```python\n{renamed}```")
    assert [(match.item_id, match.method) for match in overlap.matches] == [
        ("item-light", "exact"),
        ("item-code", "structure"),
    ]


def test_there_is_a_bound_and_it_is_said_where_there_are_more() -> None:
    many = [(f"i{n}", "b v1", " ".join(f"w{n}x{word}" for word in range(20)), "") for n in range(MOST_OTHERS + 2)]
    registry = Registry.from_bytes(Registry.build(many, KEY), KEY, number=5)
    for count, more in ((MOST_OTHERS + 1, None), (MOST_OTHERS + 2, 5)):
        overlap = registry.check("\n".join(item[2] for item in many[:count]))
        assert (len(set(items(overlap))), overlap.more_in_epoch) == (MOST_OTHERS + 1, more)


def test_naming_them_takes_time_in_proportion_to_the_row() -> None:
    many = [(f"i{n}", "b v1", " ".join(f"w{n}x{word}" for word in range(40)), "") for n in range(2 * MOST_OTHERS)]
    registry = Registry.from_bytes(Registry.build(many, KEY), KEY)
    row = "\n".join(item[2] for item in many) * 3
    assert grows_linearly(lambda: registry.check(row), lambda: registry.check(row * 4))


# --- what is marked ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("answer", [LONG[3], LONG[3].replace("gravel", "sand"), f"{FILLER}{LONG[3]} {FILLER}"])
def test_question_and_answer_are_both_marked(registry: Registry, answer: str) -> None:
    overlap = registry.check(LONG[2], answer)
    assert {span.part for span in overlap.spans} == {"prompt", "answer"}
    own = marked(overlap, LONG[2], answer)
    assert any("freight train leaves Arden" in text for text in own)
    assert any("ten wagons at the first stop" in text for text in own)
    assert "committee" not in " ".join(own)


def test_a_short_answer_that_stands_word_for_word_is_marked_too(registry: Registry) -> None:
    item = ("item", "b v1", "Who owns the red kettle of the north tower?", "Tamsin of the mill owns the red kettle.")
    opened = Registry.from_bytes(Registry.build([item], KEY), KEY)
    assert marked(opened.check(item[2], item[3]), item[2], item[3]) == [item[2].rstrip("?"), item[3].rstrip(".")]


def test_an_item_that_stands_twice_is_marked_twice(registry: Registry) -> None:
    for item in (LONG, SHORT):
        prompt = f"{FILLER}{item[2]}\n{FILLER}\n{item[2]} {FILLER}"
        first, second = marked(registry.check(prompt, "Yes."), prompt)
        assert first == second and len(first) > 0.9 * len(item[2]) - 2


def test_a_stray_phrase_of_the_item_is_not_marked(registry: Registry) -> None:
    prompt = f"{FILLER}The red barn has forty wagons of hay. {FILLER}{LONG[2]}"
    assert all("hay" not in text for text in marked(registry.check(prompt, "Yes."), prompt))
