"""Whether the log is what it was: every byte, every position, every signed head, inside and outside the database.

Nothing that is wrong ends in an exception: it is a finding, in one sentence, and with one the log does not verify.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import rfc8785
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.cache import cache
from django.db import connection, transaction
from redis.exceptions import RedisError

from audit import body, checkpoint, outside
from audit.checkpoint import SignedHead, note_hash
from audit.merkle import Frontier, leaf_hash
from audit.models import Checkpoint, Event
from audit.sealing import signed_head

log = structlog.get_logger(__name__)

MOST_PROBLEMS = 20
COPIED_WITHIN = 3.0  # seconds between the signature of a head and its copy outside, at most
NOT_KEPT = (
    "the hash of the first checkpoint is not kept beside the public key: write there what `make up` printed at the "
    "first start"
)
NEVER_SIGNED = "there is no checkpoint: nobody has signed this log"

EVENTS = """
    SELECT leaf.position, leaf.leaf_hash, event.id, event.recorded_at, event.name, event.actor,
           event.detail::text, event.body,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(relation, kind, object_id) ORDER BY id), '[]')::text
            FROM audit_edge WHERE event_id = event.id)
    FROM audit_leaf leaf LEFT JOIN audit_event event ON event.id = leaf.event_id
    ORDER BY leaf.position
"""


@dataclass(slots=True)
class Report:
    """What a verification found. `problems` is empty if, and only if, the log verifies."""

    size: int = 0
    signed: int = 0
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


def verify_here(public_key: Ed25519PublicKey, public_key_file: Path, copies: Iterable[Path] = ()) -> Report:
    """`verify` with all that this installation keeps, and `copies` of the outside file that were kept elsewhere.

    What was signed when the log last verified is remembered beside the queues: a log that lost its end, here and
    outside, has fewer checkpoints than then.
    """
    first = outside.kept_first(outside.first_file(public_key_file))
    report = verify(public_key, [outside.copy_file(), *copies], first)
    if not first:
        report.add(NOT_KEPT)
    _compare_with_last_time(report, f"audit.signed.{first}")
    return report


def _compare_with_last_time(report: Report, memory: str) -> None:
    """A memory that does not answer, or has been emptied, takes one witness away and nothing else."""
    try:
        seen = int(cache.get(memory, 0))
        if report.signed < seen:
            report.add(f"{seen} events were signed when the log last verified, now {report.signed}: its end is gone")
        elif report.verified:
            cache.set(memory, report.signed, timeout=None)
    except (RedisError, OSError) as problem:
        log.warning("audit.last_time_unknown", problem=str(problem))


def verify(public_key: Ed25519PublicKey, copies: Iterable[Path], first: str = "") -> Report:
    """Read the whole log once and compare it with its signed heads and the hash of the first of them.

    Of `copies`, the first is the one that the sealer writes; others may be older. Takes no lock, and sees one moment of
    the log. What a copy holds was in the log before, so copies are read first; what the log holds is copied soon.
    """
    report = Report()
    paths = list(copies)
    kept = [outside.read(path) for path in paths]
    with transaction.atomic():
        _see_one_moment()
        inside = [signed_head(row) for row in Checkpoint.objects.order_by("tree_size")]
        copied = [head for copy in kept for head in copy.heads]
        report.checkpoints, report.outside = len(inside), len(kept[0].heads)
        report.signed = inside[-1].size if inside else 0
        for copy in kept:
            report.problems += copy.problems[:MOST_PROBLEMS]
        for head in [*inside, *copied]:
            if problem := checkpoint.signature_problem(head, public_key):
                report.add(problem)
        _compare_heads(report, inside, copied, first)
        for size in _not_copied(inside, kept[0].heads, paths[0]):
            report.add(f"checkpoint {size} is in the database and not in the copy outside")
        _walk(report, inside, copied)
        report.unsealed = Event.objects.filter(leaf__isnull=True).count()
    return report


def _see_one_moment() -> None:
    """All reads of this transaction are of one snapshot, unless it is part of another transaction."""
    if not connection.savepoint_ids:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _compare_heads(report: Report, inside: list[SignedHead], copied: list[SignedHead], first: str) -> None:
    """Neither side may have a head that the other has not, and both begin with the same one."""
    if not inside:
        report.add(NEVER_SIGNED)
    here = {head.note for head in inside}
    for head in copied:
        if head.note not in here:
            report.add(f"checkpoint {head.size} is kept outside the database and is not in it: the log was cut")
    if first and inside and note_hash(inside[0]) != first:
        report.add(f"the log does not begin with the checkpoint {first[:16]}… that is kept: its start was rewritten")


def _not_copied(inside: list[SignedHead], copied: list[SignedHead], path: Path) -> list[int]:
    """Sizes of heads without a copy; what the sealer has signed this moment gets its time."""
    deadline = time.monotonic() + COPIED_WITHIN
    notes = {head.note for head in copied}
    while missing := [head.size for head in inside if head.note not in notes]:
        if missing != [inside[-1].size] or time.monotonic() > deadline:
            break
        time.sleep(0.1)
        notes |= {head.note for head in outside.read(path).heads}
    return missing


def _walk(report: Report, inside: list[SignedHead], kept: list[SignedHead]) -> None:
    signed_sizes = {head.size for head in [*inside, *kept]}
    frontier = Frontier()
    roots: dict[int, bytes] = {}
    for position, stored_hash, event, problems in _events():
        for problem in problems:
            report.add(problem)
        if position != frontier.size:
            report.add(f"position {frontier.size} is missing: the next event is at {position}")
        if stored_hash != leaf_hash(event):
            report.add(f"position {position}: the event's bytes do not hash to the sealed leaf")
        frontier.append(leaf_hash(event))
        if frontier.size in signed_sizes:
            roots[frontier.size] = frontier.root()
    report.size, report.root = frontier.size, frontier.root().hex()
    if report.size > report.signed:
        report.add(f"{report.size - report.signed} sealed events are under no signed checkpoint")
    for place, heads in (("in the database", inside), ("outside the database", kept)):
        for head in heads:
            if roots.get(head.size) != head.root:
                report.add(f"checkpoint {head.size} {place}: the log no longer has the signed root")


def _events() -> Iterator[tuple[int, bytes, bytes, list[str]]]:
    """(position, stored leaf hash, bytes, problems) of every sealed event, streamed."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(EVENTS)
        while rows := cursor.fetchmany(2000):
            for position, stored, event_id, at, name, actor, detail, event, edges in rows:
                if event_id is None:
                    yield position, bytes(stored), b"", [f"position {position}: the event is gone"]
                    continue
                columns = {"name": name, "actor": actor, "recorded_at": at, "detail": detail, "edges": edges}
                yield position, bytes(stored), bytes(event), _column_problems(position, columns, bytes(event))


def _column_problems(position: int, columns: dict[str, Any], event_bytes: bytes) -> list[str]:
    """The bytes must be what RFC 8785 writes, and the readable columns must say what they say."""
    try:
        event = body.read(event_bytes)
        said = [["used", *ref] for ref in event["used"]] + [["generated", *ref] for ref in event["generated"]]
        agrees = {
            "name": columns["name"] == event["name"],
            "actor": columns["actor"] == event["actor"],
            "recorded_at": columns["recorded_at"] == datetime.fromisoformat(event["recorded_at"]),
            "detail": _canonical(columns["detail"]) == rfc8785.dumps(event["detail"]),
            "edges": sorted(map(rfc8785.dumps, json.loads(columns["edges"]))) == sorted(map(rfc8785.dumps, said)),
        }
    except (ValueError, KeyError, TypeError) as problem:
        return [f"position {position}: the event's bytes are no event ({problem})"]
    return [f"position {position}: column {column} was edited" for column, same in agrees.items() if not same]


def _canonical(text: str) -> bytes | None:
    """A jsonb column as RFC 8785 writes it; None where it cannot, so that it equals nothing."""
    try:
        return rfc8785.dumps(json.loads(text))
    except (ValueError, RecursionError):
        return None
