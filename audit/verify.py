"""Whether the log is what it was: every byte, every position, every signed head, inside and outside the database."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction

from audit import checkpoint
from audit.checkpoint import SignedHead
from audit.merkle import Frontier, leaf_hash
from audit.models import Checkpoint, Event

MOST_PROBLEMS = 20

EVENTS = """
    SELECT leaf.position, leaf.leaf_hash, event.id, event.recorded_at, event.name, event.actor,
           event.detail, event.body,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(relation, kind, object_id) ORDER BY id), '[]')
            FROM audit_edge WHERE event_id = event.id)
    FROM audit_leaf leaf LEFT JOIN audit_event event ON event.id = leaf.event_id
    ORDER BY leaf.position
"""


@dataclass(slots=True)
class Report:
    """What a verification found. `problems` is empty if, and only if, the log verifies."""

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    outside: int = 0
    unsealed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """True if nothing was wrong."""
        return not self.problems

    def add(self, problem: str) -> None:
        """Note a problem; beyond the first twenty only their presence matters."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def verify(public_key: Ed25519PublicKey, outside: Path) -> Report:
    """Read the whole log once and compare it with its signed heads.

    Takes no lock. The heads are read before the events: a log that grows meanwhile still holds all that they signed.
    """
    report = Report()
    with transaction.atomic():
        inside = [_head(row) for row in Checkpoint.objects.order_by("tree_size")]
        kept = checkpoint.read_outside(outside)
        report.checkpoints, report.outside = len(inside), len(kept)
        for head in [*inside, *kept]:
            if problem := checkpoint.signature_problem(head, public_key):
                report.add(problem)
        _walk(report, inside, kept)
        report.unsealed = Event.objects.filter(leaf__isnull=True).count()
    return report


def _walk(report: Report, inside: list[SignedHead], kept: list[SignedHead]) -> None:
    signed_sizes = {head.size for head in [*inside, *kept]}
    frontier = Frontier()
    roots: dict[int, bytes] = {}
    for position, stored_hash, body, problems in _events():
        for problem in problems:
            report.add(problem)
        if position != frontier.size:
            report.add(f"position {frontier.size} is missing: the next event is at {position}")
        if stored_hash != leaf_hash(body):
            report.add(f"position {position}: the event's bytes do not hash to the sealed leaf")
        frontier.append(leaf_hash(body))
        if frontier.size in signed_sizes:
            roots[frontier.size] = frontier.root()
    report.size, report.root = frontier.size, frontier.root().hex()
    for place, heads in (("in the database", inside), ("outside the database", kept)):
        for head in heads:
            if roots.get(head.size) != head.root:
                report.add(f"checkpoint {head.size} {place}: the log no longer has the signed root")


def _events() -> Iterator[tuple[int, bytes, bytes, list[str]]]:
    """(position, stored leaf hash, body, problems) of every sealed event, streamed."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(EVENTS)
        while rows := cursor.fetchmany(2000):
            for position, stored, event_id, at, name, actor, detail, body, edges in rows:
                if event_id is None:
                    yield position, bytes(stored), b"", [f"position {position}: the event is gone"]
                    continue
                columns = {"name": name, "actor": actor, "recorded_at": at, "detail": detail, "edges": edges}
                yield position, bytes(stored), bytes(body), _column_problems(position, columns, bytes(body))


def _column_problems(position: int, columns: dict[str, Any], body: bytes) -> list[str]:
    """The readable columns must say what the hashed bytes say."""
    try:
        event = json.loads(body)
        said = [["used", *ref] for ref in event["used"]] + [["generated", *ref] for ref in event["generated"]]
        recorded_at = datetime.fromisoformat(event["recorded_at"])
    except (ValueError, KeyError, TypeError):
        return [f"position {position}: the event's bytes are no event"]
    detail, edges = _loaded(columns["detail"]), _loaded(columns["edges"])
    agrees = {
        "name": columns["name"] == event.get("name"),
        "actor": columns["actor"] == event.get("actor"),
        "recorded_at": columns["recorded_at"] == recorded_at,
        "detail": rfc8785.dumps(detail) == rfc8785.dumps(event.get("detail")),
        "edges": sorted(edges) == sorted(said),
    }
    return [f"position {position}: column {column} was edited" for column, same in agrees.items() if not same]


def _loaded(value: Any) -> Any:
    """A jsonb value as a raw cursor gives it: text, unless the driver was told to load it."""
    return json.loads(value) if isinstance(value, str) else value


def _head(row: Checkpoint) -> SignedHead:
    return SignedHead(row.tree_size, bytes(row.root_hash), row.note, row.key_id, bytes(row.signature))
