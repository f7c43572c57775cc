"""Which of the waiting cases are next: sources take turns, and within a source its subjects do.

One that floods the stream makes others wait for one batch, not for all of its rows.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection

from curation.models import Case

OLDEST, NEWEST = 20_000, 2_000  # of a long queue so many are looked at: who comes behind a flood is among the newest
SCREENERS = 8  # that may each hold a batch while another looks for its own

NEXT = """
    WITH looked_at AS MATERIALIZED (
        (SELECT id, subject_id FROM curation_case WHERE state = 'waiting' ORDER BY id LIMIT %(oldest)s)
        UNION (SELECT id, subject_id FROM curation_case WHERE state = 'waiting' ORDER BY id DESC LIMIT %(newest)s)
        UNION (SELECT id, subject_id FROM curation_case WHERE state = 'waiting' AND id = %(first)s)
    ), by_subject AS (
        SELECT l.id, s.source_id, row_number() OVER (PARTITION BY l.subject_id ORDER BY l.id) AS turn
        FROM looked_at l JOIN feedback_subject s ON s.id = l.subject_id
    ), by_source AS (
        SELECT id, row_number() OVER (PARTITION BY source_id ORDER BY turn, id) AS turn FROM by_subject
    ), next AS MATERIALIZED (
        SELECT id, id <> %(first)s AS behind, turn FROM by_source WHERE id <> ALL(%(without)s::bigint[])
        ORDER BY behind, turn, id LIMIT %(enough)s
    )
    SELECT c.id FROM next JOIN curation_case c ON c.id = next.id WHERE c.state = 'waiting'
    ORDER BY next.behind, next.turn, next.id LIMIT %(most)s FOR UPDATE OF c SKIP LOCKED
"""


def lock_next(limit: int, first: int = 0, without: Collection[int] = ()) -> list[int]:
    """Up to `limit` waiting cases that nobody else holds, locked: case `first`, then those whose turn it is; none of
    `without`.
    """
    values: dict[str, Any] = {"oldest": OLDEST, "newest": NEWEST, "first": first, "without": list(without)}
    values |= {"enough": SCREENERS * limit, "most": limit}
    with connection.cursor() as cursor:
        cursor.execute(NEXT, values)
        return [case for (case,) in cursor.fetchall()]


def read(cases: Sequence[int]) -> list[Case]:
    """These cases with their feedback, in the order of their ids."""
    return list(Case.objects.with_feedback().filter(pk__in=cases).order_by("id")) if cases else []
