"""What speaks for a rewording beside the cosine: known answers."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decontamination.meaning import scoring
from curation.decontamination.meaning.scoring import Evidence, score
from curation.decontamination.overlap import MOST_MEANING, Policy

SHARES = st.floats(0, 1)


NEAR = Evidence(cosine=0.8, crowd=0.5, missing=0.5, agreement=0.5, length=30)


def test_a_score_is_the_cosine_and_what_supports_it() -> None:
    assert score(NEAR) == pytest.approx(0.8 + 0.7 * 0.3 + 0.12 * math.log(2) - 0.02 - 0.06 * 0.5 - 0.3 * 0.5)


def test_a_score_never_reaches_one() -> None:
    assert score(Evidence(1.0, 0.4, missing=0.0, agreement=1.0, length=100)) == MOST_MEANING < 1
    assert Policy(meaning_floor=1.0).meaning_limit(0.2) == 1.0
    assert Policy().meaning_limit(0.97) == MOST_MEANING


def test_length_says_no_more_beyond_its_bounds() -> None:
    far = NEAR._replace(cosine=0.6)
    assert score(far._replace(length=0)) == score(far._replace(length=5))
    assert score(far._replace(length=10_000)) == score(far._replace(length=31))


@given(st.floats(-1, 1), st.floats(0.4, 1), SHARES, SHARES, st.integers(1, 500))
def test_nothing_that_speaks_against_an_item_raises_its_score(
    cosine: float, crowd: float, missing: float, agreement: float, length: int
) -> None:
    evidence = Evidence(cosine, crowd, missing, agreement, length)
    for worse in ({"crowd": crowd + 0.1}, {"missing": missing + 0.1}, {"agreement": agreement - 0.1}):
        assert score(evidence._replace(**worse)) <= score(evidence)


def test_agreement_of_numbers_is_their_jaccard_index() -> None:
    assert scoring.agreement(Counter({1: 2, 2: 1}), Counter({1: 1, 3: 1})) == pytest.approx(1 / 4)
    assert scoring.agreement(Counter(), Counter({1: 1})) == scoring.NO_NUMBERS


@pytest.mark.parametrize(
    ("item", "passage", "other"),
    [
        ([1, 2, 3], [4, 5, 6], True),
        ([1, 2, 3], [1, 2, 7], False),
        ([1, 2], [4, 5, 6], False),  # two numbers may be chance
        ([1, 2, 3], [4], False),  # a passage that leaves numbers out may still be the item
        ([1, 2, 3], [1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17], False),  # a worked solution beside it
        ([1, 2, 3], [], False),
    ],
)
def test_many_numbers_nearly_all_of_them_others_make_another_problem(
    item: list[int], passage: list[int], other: bool
) -> None:
    assert scoring.has_other_numbers(Counter(item), Counter(passage)) is other


def test_a_crowd_is_never_empty_and_has_the_nearest() -> None:
    assert scoring.crowd_of([], []) == pytest.approx(scoring.USUAL)
    assert scoring.crowd_of([0.8], []) == pytest.approx((0.8 + 7 * scoring.USUAL) / 8)
    assert scoring.crowd_of([0.9], [0.6] * 20) == pytest.approx((0.9 + 7 * 0.6) / 8)
