"""Rows of a batch or an import file: validated each by itself, so that a bad row costs only itself."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from rest_framework.exceptions import ValidationError

from cftapp.base.actors import Actor
from cftapp.base.problems import errors_in
from cftapp.base.refusal import Refused
from feedback.actions import BatchRow, RowResult, record_batch
from feedback.api.serializers import ROWS
from feedback.models import Source
from feedback.tenants import named_tenant

ENVELOPE_FIELDS = {
    "kind", "subject", "external_id", "interaction", "conversation_id", "tenant", "environment", "replay_of",
    "happened_at", "consent", "consent_given_at",
}  # fmt: skip
Errors = list[dict[str, str]]


class NewIds(Protocol):
    def new(self, name: str = "") -> uuid.UUID: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a row, as the API states it. `index` counts from 0; `errors` say why it was refused, `notes` what
    of a recorded row counts for nothing."""

    index: int
    kind: str
    status: str
    id: uuid.UUID | None
    errors: Errors
    notes: Errors = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        reply: dict[str, Any] = {"index": self.index, "kind": self.kind, "status": self.status}
        reply["id"] = str(self.id) if self.id else None
        return reply | {name: found for name in ("errors", "notes") if (found := getattr(self, name))}


def record_rows(source: Source, rows: Sequence[Any], ids: NewIds, *, tenant: str = "", by: Actor) -> list[Outcome]:
    """Validate raw rows and record the valid rows, in one batch; returns an outcome for each row, in order.

    `tenant`: the only one that the rows may be of, where there is one.
    """
    reader = RowReader(tenant)
    validated = [reader.read(row, ids.new(str(index))) for index, row in enumerate(rows)]
    results = iter(record_valid_rows(source, rows, validated, by=by))
    return [
        recorded_outcome(index, next(results))
        if isinstance(row, BatchRow)
        else refused_outcome(index, rows[index], row)
        for index, row in enumerate(validated)
    ]


def record_valid_rows(
    source: Source, rows: Sequence[Any], validated: Sequence[BatchRow | Errors], *, by: Actor
) -> list[RowResult]:
    """Record the valid rows of a batch; feedback on an interaction that is not valid is refused with it."""
    invalid = [raw for raw, row in zip(rows, validated, strict=True) if not isinstance(row, BatchRow)]
    names = [raw.get("external_id") for raw in invalid if isinstance(raw, dict) and raw.get("kind") == "interaction"]
    refused = {name for name in names if isinstance(name, str) and name}
    valid = [row for row in validated if isinstance(row, BatchRow)]
    return record_batch(source, valid, refused_external_ids=refused, by=by)


class RowReader:
    """Validates rows with one serializer a kind: building a serializer costs more than a row.

    `tenant`: whose rows they are, where the one who posts may speak for no other.
    """

    def __init__(self, tenant: str = "") -> None:
        self.tenant = tenant
        self.serializers = {kind: serializer() for kind, serializer in ROWS.items()}

    def read(self, row: Any, object_id: uuid.UUID) -> BatchRow | Errors:
        """A row as the action takes it, or what is wrong with it."""
        if not isinstance(row, dict):
            return [error("body", "This row is not a JSON object.", "Send an object with a kind.")]
        serializer = self.serializers.get(row["kind"]) if isinstance(row.get("kind"), str) else None
        if serializer is None:
            return [error("kind", "This is no kind of row.", f"Send one of {', '.join(ROWS)}.")]
        try:
            fields = serializer.run_validation(row)
            return batch_row(fields, object_id, named_tenant(self.tenant, fields.get("tenant", "")))
        except ValidationError as problem:
            return list(errors_in(problem.detail))
        except Refused as refused:
            return [asdict(blocked) for blocked in refused.blockers]


def batch_row(fields: dict[str, Any], object_id: uuid.UUID, tenant: str) -> BatchRow:
    return BatchRow(
        kind=fields["kind"],
        object_id=object_id,
        content={name: value for name, value in fields.items() if name not in ENVELOPE_FIELDS},
        external_id=fields.get("external_id", ""),
        interaction_id=fields.get("interaction"),
        subject_key=fields.get("subject", ""),
        tenant=tenant,
        conversation_id=fields.get("conversation_id", ""),
        environment=fields.get("environment", ""),
        replay_of=fields.get("replay_of"),
        happened_at=fields.get("happened_at"),
        consent=fields.get("consent", ""),
        consent_given_at=fields.get("consent_given_at"),
    )


def recorded_outcome(index: int, result: RowResult) -> Outcome:
    """The outcome of a valid row, which the action may have refused all the same."""
    if result.blocker:
        return Outcome(index, result.kind, "refused", None, [asdict(result.blocker)])
    status = "already_recorded" if result.already_recorded else "recorded"
    return Outcome(index, result.kind, status, result.id, [], [asdict(result.note)] if result.note else [])


def refused_outcome(index: int, row: Any, errors: Errors) -> Outcome:
    """The outcome of a row that is not valid."""
    kind = row.get("kind") if isinstance(row, dict) else ""
    known_kind = kind if isinstance(kind, str) and kind in ROWS else ""
    return Outcome(index, known_kind, "refused", None, errors)


def error(field: str, message: str, remedy: str) -> dict[str, str]:
    return {"field": field, "message": message, "remedy": remedy}
