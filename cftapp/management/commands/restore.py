"""`manage.py restore FOLDER`: a backup into two empty databases and an empty CFT_VAR, then roles and grants anew."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from cftapp.operations import backup


class Command(BaseCommand):
    help = "Restore a backup. Runs as the owner, while nothing else runs; what is not empty is refused."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--without-keys", action="store_true", help="the keys are here already")

    def handle(self, *args: Any, **options: Any) -> None:
        source = options["folder"]
        try:
            facts = backup.check(source)
            keys = facts["keys"] and not options["without_keys"]
            databases = {alias: connections[alias].get_connection_params() for alias in settings.DATABASES}
            backup.require_databases(databases)
            for parameters in databases.values():
                backup.require_empty(parameters)
            backup.restore_files(source, Path(settings.CFT_VAR), keys=keys)
            for alias in backup.DATABASES:
                backup.restore_database(databases[alias], source / f"{alias}.dump")
        except (backup.Unusable, OSError) as problem:
            raise CommandError(str(problem)) from problem
        call_command("provision", stdout=self.stdout)
        self.stdout.write(f"restored what was backed up at {facts['made_at']}; now run `manage.py verify_log`")
