"""Stored rows beside the exam, wherever they are compared: the short form by its two texts, conversations by all.

Whoever compares (screening, a rescan, a reverse check, replay) sees the same texts, because it asks here.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from curation.checks.comparison import compare
from curation.checks.lesson import Lesson
from curation.decontamination.overlap import Overlap
from curation.screening import stored_vectors

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry

Rows = Mapping[int, Lesson]


def fresh(rows: Rows, registry: "Registry", since: int = 0, spans: bool = True) -> dict[int, Overlap]:
    """What each row shares with the exam, or with the items first protected after `since`."""
    short = short_of(rows)
    overlaps = registry.screen(list(short.values()), since, spans) if short else []
    return with_conversations(rows, dict(zip(short, overlaps, strict=True)), registry, since)


def stored(rows: Rows, registry: "Registry", since: int = 0, spans: bool = True) -> dict[int, Overlap]:
    """The same of cases, with the vectors that are kept of them."""
    short = short_of(rows)
    overlaps = stored_vectors.screen(short, registry, since, spans)
    return with_conversations(rows, dict(zip(short, overlaps, strict=True)), registry, since)


def short_of(rows: Rows) -> dict[int, tuple[str, str]]:
    return {pk: (row.prompt, row.answer) for pk, row in rows.items() if row.is_short}


def with_conversations(
    rows: Rows, short: Mapping[int, Overlap], registry: "Registry", since: int
) -> dict[int, Overlap]:
    """All rows in their order: those of the short form as found, the others compared now."""
    conversations = {pk: (row.asked, row.answered) for pk, row in rows.items() if pk not in short}
    others = dict(zip(conversations, compare(conversations.values(), registry, since), strict=True))
    return {pk: short[pk] if pk in short else others[pk] for pk in rows}
