"""Ratings of every kind as the one text that is kept: what was said stays, whatever type said it."""

import math
from decimal import Decimal

UP, DOWN = "up", "down"


def rating_text(value: str | bool | float | Decimal) -> str:
    """True is a thumb up, false is a thumb down; a number is its digits, the same for 0 and 0.0; a text stays as it is.

    ValueError for a number that is none, and for an infinite one.
    """
    if isinstance(value, bool):
        return UP if value else DOWN
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no rating.")
        return str(int(value)) if value == int(value) else str(value)
    return str(value)
