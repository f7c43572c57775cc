"""How long rows are for the base that is to learn them.

That is known further down the pipeline: the app that trains declares it, in its `lengths.py`, as apps declare grants
and names: `measure(rows)`, `limit()` and `tokenizer()`. Where none does, nothing is counted.
"""

from collections.abc import Sequence
from functools import cache
from types import ModuleType

from cftapp.base.declared import declarations
from curation.checks.lengths import Length


@cache
def declaration() -> ModuleType | None:
    return next((module for _, module in declarations("lengths")), None)


def measure(rows: Sequence[tuple[str, str]]) -> list[Length]:
    """The length of each row of prompt and answer; none where nobody counts."""
    counted: list[Length] = declaration().measure(rows) if rows and declaration() else []  # type: ignore[union-attr]
    return counted


def limit() -> int | None:
    """How many tokens the configured base takes; None where it says none, or nobody counts."""
    module = declaration()
    most: int | None = module.limit() if module else None
    return most


def tokenizer() -> str:
    """What decides counts today: those that were made with another say nothing. Empty where nobody counts."""
    module = declaration()
    return str(module.tokenizer()) if module else ""
