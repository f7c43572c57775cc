"""A problem of the same template with other numbers is not the item; a damaged copy of the item is."""

from dataclasses import replace

import pytest

from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.overlap import Policy
from curation.decontamination.registry import Registry
from curation.decontamination.words import comparing, numbers
from curation.decontamination.words.numbers import ItemNumbers
from tests.curation.conftest import KEY

ITEM = (
    "item",
    "exam v1",
    "Max bought stamps at the post office. Some of the stamps had a snowflake design, some had a truck design, and some"
    " had a rose design. Max bought 16 snowflake stamps, 3 more truck stamps than those, and 9 fewer rose stamps than"
    " truck stamps. How many stamps did Max buy in all?",
    "Max bought 16 + 3 = 19 truck stamps and 19 - 9 = 10 rose stamps, so 16 + 19 + 10 = 45 stamps in all.",
)
SAME_TEMPLATE = (
    "Bella bought stamps at the post office. Some of the stamps had a snowflake design, some had a truck design, and"
    " some had a rose design. Bella bought 11 snowflake stamps, 8 more truck stamps than these, and 13 fewer rose ones."
    " How many did Bella buy?"
)
REWORDED = (
    "At the post office 16 snowflake stamps were sold to Max, 3 more with trucks than snowflakes, and of roses 9 less"
    " than of trucks. What is the number of stamps that he got?"
)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_bytes(Registry.build([ITEM], KEY), KEY)


def test_the_same_template_with_other_numbers_is_no_leak(registry: Registry) -> None:
    overlap = registry.check(SAME_TEMPLATE)
    assert not overlap.blocked
    assert overlap.scores["containment"] <= 0.1


def test_it_is_shown_and_blocks_where_the_policy_says_so(registry: Registry) -> None:
    shown = registry.check(f"A riddle. {SAME_TEMPLATE}").template
    assert shown is not None
    assert (shown.benchmark, shown.score >= Policy().template_shown) == ("exam v1", True)
    assert shown.spans[0].start >= len("A riddle. ")
    blocked = registry.with_policy(replace(Policy(), template_limit=0.25)).check(SAME_TEMPLATE)
    assert (blocked.blocked, blocked.method, blocked.item_id) == (True, "template", "item")
    assert registry.with_policy(replace(Policy(), template_shown=1.01)).check(SAME_TEMPLATE).template is None


def test_it_is_no_leak_by_meaning_either() -> None:
    encoder = Encoder.default("")
    assert encoder is not None
    registry = Registry.from_bytes(Registry.build([ITEM], KEY, encoder=encoder), KEY, encoder=encoder)
    loose = replace(Policy(), meaning_floor=0.4)
    assert registry.with_policy(loose).check(REWORDED).method == "meaning"
    assert not registry.with_policy(loose).check(SAME_TEMPLATE).blocked
    assert not registry.with_policy(replace(loose, template_shown=1.01)).check(SAME_TEMPLATE).blocked


def test_the_same_words_with_the_items_numbers_are_a_leak(registry: Registry) -> None:
    damaged = SAME_TEMPLATE.replace("11", "16").replace("8 more", "3 more").replace("13", "nine")
    overlap = registry.check(damaged)
    assert overlap.blocked
    assert overlap.method == "containment"
    assert overlap.score < numbers.PROOF_FROM


def test_half_of_an_items_words_with_its_numbers_in_words_are_a_leak(registry: Registry) -> None:
    text = ITEM[2].replace("16", "sixteen").replace("3 more", "three more").replace("9 fewer", "nine fewer")
    assert registry.check(text).blocked


def test_a_copied_half_is_a_leak_whatever_numbers_the_other_half_has(registry: Registry) -> None:
    half = ITEM[2][: ITEM[2].index(", and 9 fewer")]
    around = "In 1850 the harbour had 40 boats. By 1862 it had 75, and 12 of them were ferries to the 3 islands."
    assert registry.check(half).blocked
    assert registry.check(f"{around}\n\n{half}\n\n{around}").blocked


def test_most_numbers_of_the_matching_part_are_the_fields_and_one_says_nothing() -> None:
    opened = ItemNumbers(numbers.build_arrays([("2 and 2 and 5", "is 9"), ("only 7", ""), ("none", "")], KEY), KEY)
    question, answer, whole = range(3)

    def contradict(field: int, text: str) -> bool:
        return opened.contradict(field, text, text)

    assert not contradict(question, "2 apples and 5 pears")
    assert not contradict(question, "2 apples, 5 pears and 9 plums")
    assert contradict(question, "2 apples, 9 pears and 3 plums")
    assert not contradict(answer, "2 apples, 9 pears and 3 plums")
    assert contradict(whole, "2 apples, 3 pears and 4 plums")
    assert not contradict(whole, "3 apples")
    assert not contradict(whole, "three apples and four pears")
    assert not contradict(3, "no number at all")


def test_who_numbers_or_cites_beside_the_items_numbers_has_them_all_the_same() -> None:
    opened = ItemNumbers(numbers.build_arrays([("2 and 8 and 5", ""), ("no number", "")], KEY), KEY)
    cited = "[12] 2 apples [13] and 8 pears [14] and 5 plums [15] were sold [16] or lost [17]"
    assert not opened.contradict(0, cited, cited)
    assert not opened.contradict(0, "12 and 13", "12 and 13; 2 apples, 8 pears, five plums")
    assert not opened.contradict(3, "1. first 2. second 3. third", "1. first 2. second 3. third")


def test_a_passage_without_numbers_is_found_with_numbered_lines() -> None:
    item = ("p", "exam v1", ITEM[2].translate(str.maketrans("", "", "0123456789")), "")
    registry = Registry.from_bytes(Registry.build([item], KEY), KEY)
    lines = item[2].replace("post office", "office").split(". ")
    assert registry.check("\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))).blocked


def test_without_the_key_the_numbers_are_not_to_be_read() -> None:
    assert not set(numbers.build_arrays([("1 2 3", "")], KEY)["figures"].tolist()) & {
        *numbers.build_arrays([("1 2 3", "")], b"another key of thirty-two bytes.")["figures"].tolist()
    }


# --- beside a problem of the template ---------------------------------------------------------------------------------
OTHER = (
    "other",
    "coast v1",
    "Which lighthouse keeper painted the northern gallery of Vessel Point in the stormy winter before the harbour"
    " froze, and with which of the three pigments did he do it?",
    "",
)
PIECE = OTHER[2][OTHER[2].index("the harbour froze") :]


@pytest.fixture(scope="module")
def both() -> Registry:
    return Registry.from_bytes(Registry.build([ITEM, OTHER], KEY), KEY)


def test_a_smaller_piece_of_a_real_item_beside_it_is_a_leak(both: Registry) -> None:
    row = f"{SAME_TEMPLATE}\n\nAnd tell me about {PIECE}"
    overlap = both.check(row)
    assert both.check(PIECE).score < both.check(SAME_TEMPLATE).scores["template"]
    assert (overlap.blocked, overlap.item_id, overlap.method) == (True, "other", "containment")
    (span,) = overlap.spans
    assert row[span.start : span.end] in PIECE
    assert overlap.scores["template"] == both.check(SAME_TEMPLATE).scores["template"]


def test_a_piece_of_the_item_itself_beside_it_is_a_leak(both: Registry) -> None:
    half = ITEM[2][: ITEM[2].index(", and 9 fewer")]
    assert both.check(f"{SAME_TEMPLATE}\n\n{'Another one follows. ' * 30}\n\n{half}").blocked


def test_two_problems_of_the_template_are_no_leak(both: Registry) -> None:
    second = SAME_TEMPLATE.replace("11", "31").replace("8 more", "12 more").replace("13", "17")
    overlap = both.check(f"{SAME_TEMPLATE}\n\n{second}")
    assert not overlap.blocked and overlap.template is not None


def test_how_many_are_left_out_is_bounded(both: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def problem(n: int, first: int) -> str:
        return " ".join(str(first + word) if word % 6 == 5 else f"w{n}x{word}" for word in range(30))

    items = [(f"i{n}", "b v1", problem(n, 10), "") for n in range(2 * comparing.MOST_TEMPLATES)]
    registry = Registry.from_bytes(Registry.build(items, KEY), KEY)
    asked: list[int] = []
    contradict = ItemNumbers.contradict
    monkeypatch.setattr(ItemNumbers, "contradict", lambda *all_: asked.append(1) or contradict(*all_))
    row = "\n".join(problem(n, 70) for n in range(len(items)))
    assert not registry.check(row).blocked
    assert len(asked) == 1 + comparing.MOST_TEMPLATES
