"""`manage.py import_feedback FILE --source NAME --format feedbackqa`: untyped feedback from a file, as comments.

The file may be JSON lines, JSON, CSV (also .gz or .zst) or Parquet. What could not be recorded is in a file beside it,
with the reasons, and the command ends with 1. An import that broke off is simply run again, as is one whose file was
mended: rows that are recorded already are passed over.
"""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cftapp.base import strict_json
from cftapp.base.actors import IMPORTER
from cftapp.base.record_files import BadFile, BadRecord, Record, numbered_records, unit_of
from feedback.actions import register_source
from feedback.actions.batches import LIMIT
from feedback.imports.batches import batches_of, import_batch
from feedback.imports.formats import FORMATS, Format, Row
from feedback.imports.rejects import Rejects, rejects_file
from feedback.models import Source, pseudonym_key

MAX_PRINTED_PROBLEMS = 20
NOT_RECORDED = 1


class Command(BaseCommand):
    help = "Import untyped feedback from a file, as comments that a reviewer gives a kind. May be run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="Name of the source; registered when it is new.")
        parser.add_argument("--format", choices=sorted(FORMATS), required=True, help="What a record holds.")
        parser.add_argument("--rejects", type=Path, help="What was not recorded, and why; default: FILE.rejects.jsonl.")

    def handle(
        self, *args: Any, file: Path, source: str, format: str, rejects: Path | None = None, **options: Any
    ) -> None:
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        try:
            with rejects_file(rejects or file.with_name(f"{file.name}.rejects.jsonl")) as rejected:
                reading = Reading(file, FORMATS[format], rejected)
                self.record(source_by_name(source), reading)
        except BadFile as problem:
            raise CommandError(str(problem)) from problem
        except OSError as problem:
            raise CommandError(f"{problem}. Import it again: what is recorded is passed over.") from problem
        self.report(reading)

    def record(self, source: Source, reading: "Reading") -> None:
        """Record the file batch by batch, and set aside what is refused."""
        for batch in batches_of(reading.rows(), LIMIT):
            reasons: dict[int, list[str]] = {number: [] for number, _ in batch}
            for number, outcome in import_batch(source, batch, by=IMPORTER):
                reading.totals[outcome.status] += 1
                reasons[number] += ["{field}: {message} {remedy}".format(**error) for error in outcome.errors]
            for number, why in reasons.items():
                reading.settle(number, why)
            self.stdout.write(f"  {reading.unit} {batch[-1][0]:,}: {reading.totals['recorded']:,} rows recorded")

    def report(self, reading: "Reading") -> None:
        totals = reading.totals
        self.stdout.write(
            f"{reading.file.name}: {totals['recorded']:,} rows recorded, {totals['already_recorded']:,} were there "
            f"already, {totals['refused']:,} refused, {totals['unreadable']:,} {reading.unit}s unreadable."
        )
        for number, reasons in reading.first_problems:
            for reason in reasons:
                self.stderr.write(f"{reading.unit} {number}: {reason}")
        if reading.ignored:
            fields = ", ".join(f"{name[:60]} ({count:,})" for name, count in reading.ignored.most_common(20))
            self.stderr.write(f"Not read, and not kept (in how many {reading.unit}s): {fields}.")
        if reading.broken:
            raise CommandError(f"{reading.broken} What is behind it was not recorded.", returncode=NOT_RECORDED)
        if reading.rejects.count:
            message = f"Not everything was recorded: {reading.rejects.path} holds the rest, with the reasons."
            raise CommandError(message, returncode=NOT_RECORDED)


class Reading:
    """A file on its way: its rows, and what became of them."""

    def __init__(self, file: Path, format: Format, rejects: Rejects) -> None:
        self.file, self.format, self.rejects, self.unit = file, format, rejects, unit_of(file)
        self.totals, self.ignored = Counter[str](), Counter[str]()
        self.waiting: dict[int, Record] = {}
        self.first_problems: list[tuple[int, list[str]]] = []
        self.broken: BadFile | None = None

    def rows(self) -> Iterator[tuple[int, list[Row]]]:
        """Numbers and rows of the file; a record that cannot be read is counted and set aside."""
        key = pseudonym_key()
        for number, record in self.records():
            try:
                rows = self.rows_of(key, number, record)
            except ValueError as problem:
                self.totals["unreadable"] += 1
                self.reject(number, [str(problem)], record.raw if isinstance(record, BadRecord) else record)
                continue
            yield number, rows

    def records(self) -> Iterator[tuple[int, Record | BadRecord]]:
        """The records of the file, up to where it cannot be read any further."""
        try:
            yield from numbered_records(self.file)
        except BadFile as problem:
            self.broken = problem

    def rows_of(self, key: bytes, number: int, record: Record | BadRecord) -> list[Row]:
        if isinstance(record, BadRecord):
            raise record
        try:
            strict_json.check(record)
        except strict_json.NotJson as problem:
            raise ValueError(f"{problem.path}: {problem}") from problem
        rows = self.format.rows(key, record)
        self.ignored.update(self.format.ignored(record))
        self.waiting[number] = record
        return rows

    def settle(self, number: int, reasons: list[str]) -> None:
        """A record's rows are recorded, or were refused for these reasons."""
        record = self.waiting.pop(number)
        if reasons:
            self.reject(number, reasons, record)

    def reject(self, number: int, reasons: list[str], row: Any) -> None:
        self.rejects.add(number, reasons, row)
        if len(self.first_problems) < MAX_PRINTED_PROBLEMS:
            self.first_problems.append((number, reasons))


def source_by_name(name: str) -> Source:
    return Source.objects.filter(name=name).first() or register_source(name, name.capitalize(), by=IMPORTER)
