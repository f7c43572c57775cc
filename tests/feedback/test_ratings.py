from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.ratings import rating_text


@given(value=st.integers(-(10**6), 10**6))
def test_equal_numbers_are_the_same_rating(value):
    assert rating_text(value) == rating_text(float(value)) == rating_text(Decimal(value)) == str(value)


def test_thumbs_and_words():
    assert [rating_text(value) for value in (True, False, "", "No ", 2.5)] == ["up", "down", "", "No ", "2.5"]


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), Decimal("NaN")])
def test_what_is_no_number_is_no_rating(value):
    with pytest.raises(ValueError, match="no rating"):
        rating_text(value)
