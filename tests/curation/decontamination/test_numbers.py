"""A problem of the same template with other numbers is not the item; a damaged copy of the item is."""

import pytest

from curation.decontamination import numbers
from curation.decontamination.numbers import QuestionNumbers
from curation.decontamination.registry import Registry
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


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_bytes(Registry.build([ITEM], KEY), KEY)


def test_the_same_template_with_other_numbers_is_no_leak(registry: Registry) -> None:
    overlap = registry.check(SAME_TEMPLATE)
    assert not overlap.blocked
    assert overlap.scores["containment"] <= 0.1


def test_the_same_words_with_the_items_numbers_are_a_leak(registry: Registry) -> None:
    damaged = SAME_TEMPLATE.replace("11", "16").replace("8 more", "3 more").replace("13", "nine")
    overlap = registry.check(damaged)
    assert overlap.blocked
    assert overlap.method == "containment"
    assert overlap.score < numbers.PROOF_FROM


def test_half_of_an_items_words_with_its_numbers_in_words_are_a_leak(registry: Registry) -> None:
    text = ITEM[2].replace("16", "sixteen").replace("3 more", "three more").replace("9 fewer", "nine fewer")
    assert registry.check(text).blocked


def test_numbers_are_counted_one_by_one_and_few_say_nothing() -> None:
    arrays = numbers.build_arrays(["2 and 2 and 5", "only 7"], KEY)
    opened = QuestionNumbers(arrays, KEY)
    assert len(arrays["figures"]) == 3
    assert not opened.contradict(0, ("2 apples", "and 2 pears"), 0.5)
    assert opened.contradict(0, ("2 apples", "and 3 pears"), 0.5)
    assert not opened.contradict(1, ("no number at all", ""), 0.5)
    assert not opened.contradict(0, ("2 apples", "and 3 pears"), numbers.PROOF_FROM)


def test_without_the_key_the_numbers_are_not_to_be_read() -> None:
    assert not set(numbers.build_arrays(["1 2 3"], KEY)["figures"].tolist()) & {
        *numbers.build_arrays(["1 2 3"], b"another key of thirty-two bytes.")["figures"].tolist()
    }
