"""Pages of the log, newest first, by key: no page counts the log or skips through it."""

from django.db import connection
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from audit.models import Edge, Event

PAGE = 50
FEW = 4

# A loose index scan: one probe a name.
NAMES = """
WITH RECURSIVE names (name) AS (
    (SELECT name FROM audit_event ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT event.name FROM audit_event event WHERE event.name > names.name ORDER BY event.name LIMIT 1)
    FROM names WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
"""

# The newest few of each name, then the newest of those: each part is a walk along the index (name, -id).
NEWEST_OF = """
SELECT found.id FROM unnest(%s::text[]) AS wanted (name), LATERAL (
    SELECT id FROM audit_event WHERE name = wanted.name AND id < %s ORDER BY id DESC LIMIT %s
) AS found ORDER BY found.id DESC LIMIT %s
"""
BEYOND = 2**63 - 1


def event_names() -> list[str]:
    """Every name that occurs in the log, sorted."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        return [row[0] for row in cursor.fetchall()]


def noun(name: str) -> str:
    """What an event is about: 'cases.screened' → 'case'."""
    return name.partition(".")[0].removesuffix("s")


def newest_events(names: list[str] | None, before: int | None) -> tuple[list[Event], int | None]:
    """A page of events (of these names; None is all of them) below the id `before`, and where the next page begins."""
    limit = PAGE + 1
    if names is None:
        rows = Event.objects.filter(id__lt=before or BEYOND)
    else:
        with connection.cursor() as cursor:
            cursor.execute(NEWEST_OF, [names, before or BEYOND, limit, limit])
            rows = Event.objects.filter(id__in=[row[0] for row in cursor.fetchall()])
    page = list(rows.defer("body", "detail").order_by("-id")[:limit])
    add_edges(page)
    return page[:PAGE], page[PAGE - 1].pk if len(page) > PAGE else None


def add_edges(events: list[Event]) -> None:
    """Give each event `edges_used` and `edges_generated`, at most FEW each: an event over a batch has thousands."""
    by_key: dict[tuple[int, str], list[Edge]] = {}
    few = Window(RowNumber(), partition_by=[F("event_id"), F("relation")], order_by="id")
    ids = [event.pk for event in events]
    for edge in Edge.objects.filter(event__in=ids).annotate(place=few).filter(place__lte=FEW):
        by_key.setdefault((edge.event_id, edge.relation), []).append(edge)
    for event in events:
        event.edges_used = by_key.get((event.pk, Edge.Relation.USED), [])
        event.edges_generated = by_key.get((event.pk, Edge.Relation.GENERATED), [])
