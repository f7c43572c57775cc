"""`manage.py import_feedback FILE --source NAME --format feedbackqa`: untyped feedback from a file, as comments.

Broken off, it is simply run again: rows that are there already are passed over.
"""

import json
import uuid
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cftapp.base.actors import IMPORTER
from feedback import lanes
from feedback.actions import record_batch, register_source
from feedback.actions.batches import LIMIT, BatchRow
from feedback.api.rows import Outcome, RowReader, outcome_of, refused
from feedback.imports import FORMATS, Rows, Unreadable, groups
from feedback.models import Source, subject_key

SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class RowIds:
    """The id of a row: the same at every run over the same file and source."""

    source: Source

    def of(self, line: int, place: int, row: dict[str, Any]) -> uuid.UUID:
        content = json.dumps(row, sort_keys=True)
        return lanes.object_id(subject_key(), "import", self.source.name, str(line), str(place), content)


class Command(BaseCommand):
    help = "Import untyped feedback from a file, as comments that a reviewer gives a kind. May be run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="Name of the source; registered when it is new.")
        parser.add_argument("--format", choices=sorted(FORMATS), required=True)

    def handle(self, *args: Any, file: Path, source: str, format: str, **options: Any) -> None:
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        place = source_named(source)
        totals: Counter[str] = Counter()
        for group in groups(self.parts(file, format, totals), LIMIT):
            for line, outcome in record_group(place, group):
                totals[outcome.status] += 1
                self.complain(line, outcome, totals)
            self.stdout.write(f"  line {group[-1][0]:,}: {totals['recorded']:,} rows recorded")
        self.stdout.write(
            f"{file.name}: {totals['recorded']:,} rows recorded, {totals['already_recorded']:,} were there already, "
            f"{totals['refused']:,} refused, {totals['unreadable']:,} lines unreadable."
        )

    def parts(self, file: Path, format: str, totals: Counter[str]) -> Iterator[tuple[int, Rows]]:
        """Lines of the file as rows; a line that cannot be read is counted and named."""
        read, key = FORMATS[format], subject_key()
        with file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line.decode())
                    if not isinstance(record, dict):
                        raise Unreadable("The line is not a JSON object.")
                    yield number, read(key, record)
                except ValueError as problem:
                    totals["unreadable"] += 1
                    self.stderr.write(f"line {number}: {problem}")

    def complain(self, line: int, outcome: Outcome, totals: Counter[str]) -> None:
        if outcome.status == "refused" and totals["refused"] <= SHOWN_PROBLEMS:
            for error in outcome.errors:
                self.stderr.write(f"line {line}: {error['field']}: {error['message']} {error['remedy']}")


def source_named(name: str) -> Source:
    return Source.objects.filter(name=name).first() or register_source(name, name.capitalize(), by=IMPORTER)


def record_group(source: Source, group: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, Outcome]]:
    """One batch, and one audit event; outcomes with the numbers of their lines."""
    ids, counted, reader = RowIds(source), Counter[int](), RowReader()
    read: list[Any] = []
    for line, row in group:
        read.append(reader.read(row, ids.of(line, counted[line], row)))
        counted[line] += 1
    results = iter(record_batch(source, [row for row in read if isinstance(row, BatchRow)], by=IMPORTER))
    for index, (line, row) in enumerate(group):
        found = read[index]
        yield line, outcome_of(index, next(results)) if isinstance(found, BatchRow) else refused(index, row, found)
