"""Appending to the log. Every action of every app ends in exactly one `record`."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from audit.vocabulary import check_event
from cftapp.base.actors import Actor, actor_name

Ref = tuple[str, object]
"""An entity of the lineage: (kind, id)."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What subscribers learn of an event once its transaction has committed."""

    id: int
    name: str
    used: tuple[tuple[str, str], ...] = ()
    generated: tuple[tuple[str, str], ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)

    def about(self, kind: str) -> list[str]:
        """Ids of all entities of a kind that the event names."""
        return [object_id for entity_kind, object_id in (*self.generated, *self.used) if entity_kind == kind]


_subscribers: list[Callable[[Announcement], None]] = []


def subscribe(listener: Callable[[Announcement], None]) -> None:
    """Call `listener` after the commit of every event. Only the pipeline subscribes."""
    _subscribers.append(listener)


def record(
    name: str,
    *,
    by: Actor,
    used: Iterable[Ref] = (),
    generated: Iterable[Ref] = (),
    detail: dict[str, Any] | None = None,
) -> int:
    """Append one event to the log, in the transaction of the change it tells of; returns its id.

    `detail` holds ids, hashes and numbers only: the log is never erased, so no person's words may enter it.
    Raises UndeclaredEvent for a name that is in no app's events.py, and RuntimeError outside a transaction: an event
    must not outlive, or miss, its change. PostgreSQL refuses a number that no double holds, and an event or an actor
    that is not this process's to name (`cftapp.access.speakers`).
    """
    check_event(name)
    if not connection.in_atomic_block:
        raise RuntimeError(f"audit.record({name!r}) needs the transaction of the change that it records")
    edges = {"used": _refs(used), "generated": _refs(generated)}
    body = _body(name, actor_name(by), edges, detail or {})
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_append(%s)", [body])
        event_id = cursor.fetchone()[0]
    announcement = Announcement(event_id, name, tuple(edges["used"]), tuple(edges["generated"]), detail or {})
    transaction.on_commit(lambda: _announce(announcement))
    return int(event_id)


def _refs(refs: Iterable[Ref]) -> list[tuple[str, str]]:
    return [(kind, str(object_id)) for kind, object_id in refs]


def _body(name: str, actor: str, edges: dict[str, list[tuple[str, str]]], detail: dict[str, Any]) -> bytes:
    """What is to be recorded. PostgreSQL adds the time and writes the RFC 8785 bytes that are hashed into the tree."""
    event = {"name": name, "actor": actor, **edges, "detail": detail}
    return json.dumps(event, default=str, allow_nan=False).encode()


def _announce(announcement: Announcement) -> None:
    for listener in _subscribers:
        listener(announcement)
