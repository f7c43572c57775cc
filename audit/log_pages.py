"""Pages of the log, newest first, by key: no page counts the log or skips through it."""

from dataclasses import dataclass

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
SELECT newest.id FROM unnest(%s::text[]) AS wanted (name), LATERAL (
    SELECT id FROM audit_event WHERE name = wanted.name AND id < %s ORDER BY id DESC LIMIT %s
) AS newest ORDER BY newest.id DESC LIMIT %s
"""
BEYOND = 2**63 - 1


def event_names() -> list[str]:
    """Every name that occurs in the log, sorted."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        return [row[0] for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Row:
    """An event, and the first few entities of each kind of edge: an event over a batch has thousands."""

    event: Event
    used: list[Edge]
    generated: list[Edge]


def newest_events(names: list[str] | None, before: int | None) -> tuple[list[Row], int | None]:
    """A page of events (of these names; None is all of them) below the id `before`, and where the next page begins."""
    limit = PAGE + 1
    if names is None:
        rows = Event.objects.filter(id__lt=before or BEYOND)
    else:
        with connection.cursor() as cursor:
            cursor.execute(NEWEST_OF, [names, before or BEYOND, limit, limit])
            rows = Event.objects.filter(id__in=[row[0] for row in cursor.fetchall()])
    page = list(rows.defer("body", "detail").order_by("-id")[:limit])
    return with_edges(page[:PAGE]), page[PAGE - 1].pk if len(page) > PAGE else None


def with_edges(events: list[Event]) -> list[Row]:
    few = Window(RowNumber(), partition_by=[F("event_id"), F("relation")], order_by="id")
    edges: dict[tuple[int, str], list[Edge]] = {}
    for edge in Edge.objects.filter(event__in=events).annotate(place=few).filter(place__lte=FEW):
        edges.setdefault((edge.event_id, edge.relation), []).append(edge)
    relations = Edge.Relation
    return [
        Row(event, edges.get((event.pk, relations.USED), []), edges.get((event.pk, relations.GENERATED), []))
        for event in events
    ]
