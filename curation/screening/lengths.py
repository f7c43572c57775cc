"""How long rows are for the base that is to learn them.

That is known further down the pipeline: the app that trains declares it, in its `lengths.py`, as apps declare grants
and names: `measure(rows)`, `limit()` and `tokenizer()`. Where none does, nothing is counted.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from types import ModuleType

from cftapp.base.declared import declarations
from conversation import Conversation, Message
from curation.checks.lengths import Length
from curation.checks.lesson import Lesson

Row = tuple[str | Conversation, str | Message]


@cache
def declaration() -> ModuleType | None:
    return next((module for _, module in declarations("lengths")), None)


def rows_of(lessons: Iterable[Lesson]) -> list[Row]:
    """Lessons as rows to measure: two texts of the short form, else a conversation and a message."""
    return [(row.prompt, row.answer) if row.is_short else (row.asked, row.answered) for row in lessons]


def measure(rows: Sequence[Row]) -> list[Length]:
    """The length of each row of question and answer; none where nobody counts."""
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
