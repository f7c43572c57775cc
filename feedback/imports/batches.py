"""Importing in batches: the rows of a file, grouped and recorded, each with the number of its line."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cftapp.base.actors import Actor
from feedback.actions.batches import BatchRow
from feedback.api.rows import Outcome, RowReader, record_valid_rows, recorded_outcome, refused_outcome
from feedback.imports.formats import Row
from feedback.keyed_hashes import object_id
from feedback.models import Source, pseudonym_key

NumberedRow = tuple[int, Row]
"""The number of a line, from 1, and a row that the line holds."""


@dataclass(frozen=True, slots=True)
class RowIds:
    """The ids of imported rows: the same whenever the same file is imported into the same source."""

    source: Source

    def of(self, line: int, position: int, row: Row) -> uuid.UUID:
        """The id of the row at `position` of a line."""
        content = json.dumps(row, sort_keys=True)
        return object_id(pseudonym_key(), "import", self.source.name, str(line), str(position), content)


def batches_of(lines: Iterator[tuple[int, list[Row]]], limit: int) -> Iterator[list[NumberedRow]]:
    """Rows with their line numbers, in batches of at most `limit`; the rows of a line stay together."""
    batch: list[NumberedRow] = []
    for line, rows in lines:
        if batch and len(batch) + len(rows) > limit:
            yield batch
            batch = []
        batch.extend((line, row) for row in rows)
    if batch:
        yield batch


def import_batch(source: Source, batch: list[NumberedRow], *, by: Actor) -> Iterator[tuple[int, Outcome]]:
    """Record a batch, with one audit event; yields the outcomes with the numbers of their lines."""
    ids, rows_of_line, reader = RowIds(source), Counter[int](), RowReader()
    validated: list[Any] = []
    for line, row in batch:
        validated.append(reader.read(row, ids.of(line, rows_of_line[line], row)))
        rows_of_line[line] += 1
    results = iter(record_valid_rows(source, [row for _, row in batch], validated, by=by))
    for index, ((line, raw), row) in enumerate(zip(batch, validated, strict=True)):
        is_valid = isinstance(row, BatchRow)
        yield line, recorded_outcome(index, next(results)) if is_valid else refused_outcome(index, raw, row)
