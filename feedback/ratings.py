"""Ratings of every kind as the one text that is kept: what was said stays, whatever type said it."""

import math
from decimal import Decimal

UP, DOWN = "up", "down"
WRITTEN = {"true": UP, "false": DOWN, "0": DOWN, "0.0": DOWN}  # as files without types say it


def rating_text(value: str | bool | float | Decimal) -> str:
    """True is a thumb up; false is a thumb down, and so is nought, which widgets of 0 and 1 send for it. Another number
    is its digits, whose scale nobody knows here (1 is the best of two and the worst of five); other text stays.

    ValueError for a number that is none, and for an infinite one.
    """
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no rating.")
        value = int(value) if value == int(value) else value
    return WRITTEN.get(str(value).casefold(), str(value))
