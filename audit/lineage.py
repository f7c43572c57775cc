"""Lineage: where a row came from and what became of it, by the edges of the log, followed by one recursive query.

An event (W3C PROV: activity) used some entities and generated others. Back goes from an entity to the event that
generated it and on to what that used; forward goes the other way. A gate is looked at, never walked through: it names
the champion that a candidate was compared with, and nobody learns from being compared. Nor does `became` go
on from a run that left out every pair on the way (each was too long for it): what came of that run has not learnt them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import connection

from audit import vocabulary

Direction = Literal["back", "forward"]
Entity = tuple[str, str]
MOST_STEPS = 20_000

LOOKED_AT = ["gate"]
LESSON = "pair"

# Entities and events take turns in `reached`; UNION drops what was reached before, so a circle ends by itself and an
# event over ten thousand rows is opened once.
TRACE = """
WITH RECURSIVE reached (kind, object_id, event_id) AS (
    SELECT %(kind)s::text, %(object_id)s::text, NULL::bigint
    UNION
    SELECT step.kind, step.object_id, step.event_id
    FROM reached, LATERAL (
        SELECT '' AS kind, '' AS object_id, edge.event_id FROM audit_edge edge
        WHERE reached.event_id IS NULL AND edge.kind = reached.kind AND edge.object_id = reached.object_id
          AND edge.relation = %(enter)s
          AND (reached.kind <> ALL (%(looked_at)s) OR (reached.kind, reached.object_id) = (%(kind)s, %(object_id)s))
          AND reached.kind || ' ' || reached.object_id <> ALL (%(closed)s::text[])
        UNION ALL
        SELECT edge.kind, edge.object_id, NULL FROM audit_edge edge
        WHERE edge.event_id = reached.event_id AND edge.relation = %(leave)s
    ) AS step
), entities AS (
    SELECT kind, object_id FROM reached WHERE event_id IS NULL LIMIT %(most)s
)
SELECT entities.kind, entities.object_id, born.id, born.name, born.recorded_at, born.actor,
       newest.id, newest.name, newest.recorded_at, marked.recorded_at
FROM entities
LEFT JOIN LATERAL (
    SELECT event.id, event.name, event.recorded_at, event.actor
    FROM audit_edge edge JOIN audit_event event ON event.id = edge.event_id
    WHERE edge.kind = entities.kind AND edge.object_id = entities.object_id AND edge.relation = 'generated'
    ORDER BY event.id LIMIT 1
) AS born ON true
LEFT JOIN LATERAL (
    SELECT event.id, event.name, event.recorded_at
    FROM audit_edge edge JOIN audit_event event ON event.id = edge.event_id
    WHERE edge.kind = entities.kind AND edge.object_id = entities.object_id
    ORDER BY event.id DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT event.recorded_at
    FROM audit_edge edge JOIN audit_event event ON event.id = edge.event_id
    WHERE edge.kind = entities.kind AND edge.object_id = entities.object_id AND event.name = ANY (%(marks)s)
      AND entities.kind <> 'subject'
    ORDER BY event.id LIMIT 1
) AS marked ON true
ORDER BY born.id NULLS FIRST, entities.kind, entities.object_id
"""

PARENTS = """
SELECT event_id, kind, object_id FROM audit_edge
WHERE event_id = ANY (%s) AND relation = 'used' AND kind = ANY (%s)
"""

CONSENT = """
SELECT DISTINCT ON (edge.object_id) edge.object_id, event.name, event.recorded_at, event.detail ->> 'expires_at'
FROM audit_edge edge JOIN audit_event event ON event.id = edge.event_id
WHERE edge.kind = 'subject' AND edge.relation = 'used' AND edge.object_id = ANY (%s)
  AND (event.name IN ('consent.granted', 'consent.withdrawn') OR EXISTS (
      SELECT FROM audit_edge outcome
      WHERE outcome.event_id = event.id AND outcome.relation = 'generated' AND outcome.kind = 'consent'))
ORDER BY edge.object_id, event.id DESC
"""

LEFT_OUT = """
SELECT edge.kind, edge.object_id, lesson
FROM audit_edge edge JOIN audit_event event ON event.id = edge.event_id,
     jsonb_array_elements_text(event.detail -> 'left_out') AS lesson
WHERE edge.kind = ANY (%s) AND edge.object_id = ANY (%s) AND edge.relation = 'used' AND event.name = ANY (%s)
ORDER BY event.id
"""


@dataclass(frozen=True, slots=True)
class Consent:
    """A subject's consent as the log has it: granted, withdrawn or expired, and since when."""

    subject_id: str
    state: str
    since: datetime


@dataclass(slots=True)
class Step:
    """One entity of a lineage. `born_*` is the event that generated it, `newest_*` the last one that names it."""

    kind: str
    object_id: str
    born_id: int | None
    born_name: str | None
    born_at: datetime | None
    actor: str | None
    newest_id: int | None
    newest_name: str | None
    newest_at: datetime | None
    marked_at: datetime | None
    consent: Consent | None = None
    left_out_of: list[Entity] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stage:
    """The steps of one stage of the pipeline, oldest first."""

    name: str
    steps: list[Step] = field(default_factory=list)


def trace(
    kind: str, object_id: object, direction: Direction, most: int = MOST_STEPS, closed: Collection[Entity] = ()
) -> list[Step]:
    """Everything that the entity came from ("back") or went into ("forward"), itself included, oldest first.

    One query. Beyond `most` entities the rest is left out; what is `closed` is reached and not walked through.
    """
    enter, leave = ("generated", "used") if direction == "back" else ("used", "generated")
    values: dict[str, Any] = {"kind": kind, "object_id": str(object_id), "enter": enter, "leave": leave, "most": most}
    values |= {"looked_at": LOOKED_AT, "closed": [" ".join(entity) for entity in closed], "marks": vocabulary.marks()}
    with connection.cursor() as cursor:
        cursor.execute(TRACE, values)
        return [Step(*row) for row in cursor.fetchall()]


def became(kind: str, object_id: object) -> list[Step]:
    """Forward, but not on from a run that left out every pair that is reached; `left_out_of` is set.

    A run that left out some stays open, also where the others are in no dataset of its: more is shown, never less.
    """
    steps = with_left_out(trace(kind, object_id, "forward"))
    shut = [set(step.left_out_of) for step in steps if step.kind == LESSON]
    closed = set.intersection(*shut) if shut else set()
    return with_left_out(trace(kind, object_id, "forward", closed=closed)) if closed else steps


def with_left_out(steps: list[Step]) -> list[Step]:
    """Set `left_out_of` on every pair that another of these steps left out. At most one query."""
    events = vocabulary.left_out()
    takers = [step.object_id for step in steps if step.kind in events.values()]
    lessons = {step.object_id: step for step in steps if step.kind == LESSON}
    if takers and lessons:
        with connection.cursor() as cursor:
            cursor.execute(LEFT_OUT, [list(events.values()), takers, list(events)])
            for kind, object_id, lesson in cursor.fetchall():
                if lesson in lessons:
                    lessons[lesson].left_out_of.append((kind, object_id))
    return steps


def grouped(steps: Iterable[Step]) -> list[Stage]:
    """Steps by stage of the pipeline, in its order; stages without any are left out."""
    kinds = vocabulary.kinds()
    stages = {kind.stage: Stage(kind.stage) for kind in kinds.values() if kind.stage}
    for step in steps:
        if vocabulary.has_lineage(step.kind):
            stages[kinds[step.kind].stage].steps.append(step)
    return [stage for stage in stages.values() if stage.steps]


def with_consents(steps: list[Step], now: datetime) -> list[Step]:
    """Set `consent` on every step that goes back to exactly one subject through its generating events. Two queries."""
    subjects = _subjects_of(steps)
    known = consents({subject for subject in subjects.values() if subject}, now)
    for step in steps:
        step.consent = known.get(subjects.get((step.kind, step.object_id)) or "")
    return steps


PERSONAL = ["subject", "interaction", "bug_report", "taste_note", "correction", "comment", "case"]


def _subjects_of(steps: list[Step]) -> dict[tuple[str, str], str | None]:
    born = {(step.kind, step.object_id): step.born_id for step in steps}
    parents: dict[int, list[tuple[str, str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(PARENTS, [[event for event in born.values() if event], PERSONAL])
        for event_id, kind, object_id in cursor.fetchall():
            parents.setdefault(event_id, []).append((kind, object_id))
    subjects: dict[tuple[str, str], str | None] = {}

    def subject_of(entity: tuple[str, str], depth: int = 0) -> str | None:
        if entity[0] == "subject":
            return entity[1]
        if entity not in subjects and depth < len(PERSONAL):
            used = parents.get(born.get(entity) or 0, [])
            direct = {object_id for kind, object_id in used if kind == "subject"}
            reached = direct or {subject for parent in used if (subject := subject_of(parent, depth + 1))}
            subjects[entity] = reached.pop() if len(reached) == 1 else None
        return subjects.get(entity)

    return {entity: subject_of(entity) for entity in born if entity[0] in (*PERSONAL, "pair")}


def consents(subject_ids: Iterable[str], now: datetime) -> dict[str, Consent]:
    """The consent of each subject, as the log has it; a subject that was never asked is missing."""
    with connection.cursor() as cursor:
        cursor.execute(CONSENT, [list(subject_ids)])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return {row[0]: Consent(row[0], _state(row[1], row[3], now), row[2]) for row in rows}


def _state(name: str, expires_at: str | None, now: datetime) -> str:
    if name == "consent.withdrawn":
        return "withdrawn"
    return "expired" if expires_at and datetime.fromisoformat(expires_at) <= now else "granted"
