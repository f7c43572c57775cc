"""`manage.py backup FOLDER`: both databases, the runs' files and the outside heads of the log, each with its hash."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from cftapp.operations import backup


class Command(BaseCommand):
    help = "Write a backup into a new folder. Runs as the owner; the stack may keep running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--keys", type=Path, help="a second folder, for the secrets and keys below CFT_VAR")

    def handle(self, *args: Any, **options: Any) -> None:
        var, folder, keys = Path(settings.CFT_VAR), options["folder"], options["keys"]
        databases = {alias: connections[alias].get_connection_params() for alias in settings.DATABASES}
        try:
            if keys:
                backup.require_new(folder)
                backup.make_keys(keys, var)
            files = backup.make(folder, var, databases)
        except (backup.Unusable, OSError) as problem:
            raise CommandError(str(problem)) from problem
        if not any(name.startswith("checkpoints/") for name in files):
            self.stderr.write("The outside copy of the log's heads is not below CFT_VAR: copy its folder yourself.")
        kept = f"its keys in {keys}: keep them elsewhere" if keys else "without keys: keep those elsewhere"
        self.stdout.write(f"{len(files)} files in {folder}, {kept}")
