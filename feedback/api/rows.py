"""Rows of a batch or an import file: validated one by one, so that a bad row costs only itself."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rest_framework.exceptions import ValidationError

from cftapp.base.actors import Actor
from cftapp.base.problems import errors_in
from feedback.actions import BatchRow, RowResult, record_batch
from feedback.api.serializers import ROWS
from feedback.models import Source

ABOUT_ROW = {
    "kind", "subject", "external_id", "interaction", "environment", "replay_of", "happened_at", "consent",
}  # fmt: skip
Errors = list[dict[str, str]]


class NewIds(Protocol):
    def new(self, name: str = "") -> uuid.UUID: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row, as the API says it."""

    index: int
    kind: str
    status: str
    id: uuid.UUID | None
    errors: Errors

    def as_json(self) -> dict[str, Any]:
        reply: dict[str, Any] = {"index": self.index, "kind": self.kind, "status": self.status}
        reply["id"] = str(self.id) if self.id else None
        return reply | ({"errors": self.errors} if self.errors else {})


def record_rows(source: Source, rows: Sequence[Any], ids: NewIds, *, by: Actor) -> list[Outcome]:
    """Validate raw rows and record those that are right, in one batch; one outcome a row, in order."""
    reader = RowReader()
    read = [reader.read(row, ids.new(str(index))) for index, row in enumerate(rows)]
    right = [row for row in read if isinstance(row, BatchRow)]
    results = iter(record_batch(source, right, by=by))
    return [
        outcome_of(index, next(results)) if isinstance(row, BatchRow) else refused(index, rows[index], row)
        for index, row in enumerate(read)
    ]


class RowReader:
    """Reads rows with one serializer a kind: building one costs more than a row."""

    def __init__(self) -> None:
        self.serializers = {kind: serializer() for kind, serializer in ROWS.items()}

    def read(self, row: Any, object_id: uuid.UUID) -> BatchRow | Errors:
        """A row as the action takes it, or what is wrong with it."""
        if not isinstance(row, dict):
            return [error("body", "A row is a JSON object.", "Send an object with a kind.")]
        serializer = self.serializers.get(row["kind"]) if isinstance(row.get("kind"), str) else None
        if serializer is None:
            return [error("kind", "This is no kind of row.", f"Send one of {', '.join(ROWS)}.")]
        try:
            return batch_row(serializer.run_validation(row), object_id)
        except ValidationError as problem:
            return list(errors_in(problem.detail))


def batch_row(found: dict[str, Any], object_id: uuid.UUID) -> BatchRow:
    words = {name: value for name, value in found.items() if name not in ABOUT_ROW}
    return BatchRow(
        kind=found["kind"],
        object_id=object_id,
        words=words,
        external_id=found.get("external_id", ""),
        interaction_id=found.get("interaction"),
        subject_key=found.get("subject", ""),
        environment=found.get("environment", ""),
        replay_of=found.get("replay_of"),
        happened_at=found.get("happened_at"),
        consent=found.get("consent", False),
    )


def outcome_of(index: int, result: RowResult) -> Outcome:
    if result.blocker:
        return Outcome(index, result.kind, "refused", None, [asdict(result.blocker)])
    status = "already_recorded" if result.already_recorded else "recorded"
    return Outcome(index, result.kind, status, result.id, [])


def refused(index: int, row: Any, errors: Errors) -> Outcome:
    kind = row.get("kind") if isinstance(row, dict) else ""
    known = kind if isinstance(kind, str) and kind in ROWS else ""
    return Outcome(index, known, "refused", None, errors)


def error(field: str, message: str, remedy: str) -> dict[str, str]:
    return {"field": field, "message": message, "remedy": remedy}
