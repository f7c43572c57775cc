"""`manage.py import_feedback FILE --source NAME --format feedbackqa`: untyped feedback from a file, as comments.

An import that broke off is simply run again: rows that are recorded already are passed over.
"""

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cftapp.base.actors import IMPORTER
from feedback.actions import register_source
from feedback.actions.batches import LIMIT
from feedback.api.rows import Outcome
from feedback.imports.batches import batches_of, import_batch
from feedback.imports.formats import FORMATS, InvalidRecord, Row
from feedback.models import Source, pseudonym_key

MAX_PRINTED_PROBLEMS = 20


class Command(BaseCommand):
    help = "Import untyped feedback from a file, as comments that a reviewer gives a kind. May be run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="Name of the source; registered when it is new.")
        parser.add_argument("--format", choices=sorted(FORMATS), required=True)

    def handle(self, *args: Any, file: Path, source: str, format: str, **options: Any) -> None:
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        target = source_by_name(source)
        totals: Counter[str] = Counter()
        for batch in batches_of(self.read_lines(file, format, totals), LIMIT):
            for line, outcome in import_batch(target, batch, by=IMPORTER):
                totals[outcome.status] += 1
                self.print_problems(line, outcome, totals)
            self.stdout.write(f"  line {batch[-1][0]:,}: {totals['recorded']:,} rows recorded")
        self.stdout.write(
            f"{file.name}: {totals['recorded']:,} rows recorded, {totals['already_recorded']:,} were there already, "
            f"{totals['refused']:,} refused, {totals['unreadable']:,} lines unreadable."
        )

    def read_lines(self, file: Path, format: str, totals: Counter[str]) -> Iterator[tuple[int, list[Row]]]:
        """Line numbers and rows of the file; a line that cannot be read is counted, and printed with its number."""
        rows_of, key = FORMATS[format], pseudonym_key()
        with file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line.decode())
                    if not isinstance(record, dict):
                        raise InvalidRecord("The line is not a JSON object.")
                    yield number, rows_of(key, record)
                except ValueError as problem:
                    totals["unreadable"] += 1
                    self.stderr.write(f"line {number}: {problem}")

    def print_problems(self, line: int, outcome: Outcome, totals: Counter[str]) -> None:
        if outcome.status == "refused" and totals["refused"] <= MAX_PRINTED_PROBLEMS:
            for error in outcome.errors:
                self.stderr.write(f"line {line}: {error['field']}: {error['message']} {error['remedy']}")


def source_by_name(name: str) -> Source:
    return Source.objects.filter(name=name).first() or register_source(name, name.capitalize(), by=IMPORTER)
