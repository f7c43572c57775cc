from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.ratings import rating_text


@given(value=st.integers(-(10**6), 10**6))
def test_equal_numbers_are_the_same_rating(value):
    assert (
        rating_text(value)
        == rating_text(float(value))
        == rating_text(Decimal(value))
        == (str(value) if value else "down")
    )


def test_thumbs_and_words():
    given = {True: "up", False: "down", "": "", "No ": "No ", 2.5: "2.5", "False": "down", "0.0": "down", "true": "up"}
    assert {value: rating_text(value) for value in given} == given


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), Decimal("NaN")])
def test_what_is_no_number_is_no_rating(value):
    with pytest.raises(ValueError, match="no rating"):
        rating_text(value)
