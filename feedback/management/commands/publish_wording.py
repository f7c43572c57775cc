"""`manage.py publish_wording VERSION FILE`: publish the words beside a consent box, for good."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cftapp.base.actors import OWNER
from cftapp.base.refusal import Refused
from feedback.actions import publish_wording
from feedback.models import Source


class Command(BaseCommand):
    help = "Publish the words beside a consent box, for good. The first line of the file stands beside the box."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help="A name for exactly these words, such as 2026-12 or shop-terms-7.")
        parser.add_argument("file", type=Path, help="The words, in UTF-8.")
        parser.add_argument("--language", default="en", help="A tag such as en or pt-BR.")
        parser.add_argument("--source", default="", help="Name of the only source that shows them.")

    def handle(self, *args: Any, version: str, file: Path, language: str, source: str, **options: Any) -> None:
        try:
            text = file.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise CommandError(f"{file} cannot be read as UTF-8 text: {problem}") from problem
        shown_by = Source.objects.filter(name=source).first()
        if source and shown_by is None:
            raise CommandError(f"There is no source {source}.")
        try:
            wording = publish_wording(version, text, language=language, source=shown_by, by=OWNER)
        except Refused as refused:
            raise CommandError(refused.words) from refused
        self.stdout.write(f"Published for good: {wording.version}, SHA-256 {wording.text_sha256}.")
