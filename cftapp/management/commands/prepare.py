"""Everything between an empty database and a running stack, each step idempotent. Runs as the owner."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections
from psycopg import sql

from cftapp.local import stages
from cftapp.operations.backup import UNFINISHED_RESTORE


class Command(BaseCommand):
    help = "Migrate both databases, create roles and grants, keys and static files; demo accounts and data."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--production", action="store_true", help="no demo accounts, no demo data")

    def handle(self, *args: Any, **options: Any) -> None:
        demo = not options["production"]
        refuse_half_restored(Path(settings.CFT_VAR))
        self.begin(stages.MIGRATING)
        for alias in settings.DATABASES:
            ensure_database(alias)
            call_command("migrate", database=alias, verbosity=0, interactive=False)
        self.begin(stages.PROVISIONING)
        call_command("provision", demo_accounts=demo, stdout=self.stdout)
        if settings.CFT_SIGNING_KEY_FILE and not settings.CFT_SIGNING_KEY_FILE.exists():
            call_command("seal", create_key=True, stdout=self.stdout)
        if settings.CFT_SIGNING_KEY_FILE:
            call_command("seal", open=True, stdout=self.stdout)
        self.begin(stages.STATIC_FILES)
        call_command("collectstatic", verbosity=0, interactive=False)
        if demo and "load_demo" in get_commands():
            call_command("load_demo", stdout=self.stdout)

    def begin(self, title: str) -> None:
        """Say where we are: the supervisor of `make up` listens."""
        self.stdout.write(f"{stages.MARK}{title}")
        self.stdout.flush()


def refuse_half_restored(var: Path) -> None:
    """Where a restore broke off, later withdrawals are missing: nothing may be served or trained."""
    if (var / UNFINISHED_RESTORE).exists():
        raise CommandError(f"A restore into {var} was not finished: empty it and both databases, then restore again.")


def ensure_database(alias: str) -> None:
    """Create the database of `alias` beside the default one where the server does not have it yet."""
    try:
        connections[alias].ensure_connection()
    except OperationalError as problem:
        if alias == "default" or "does not exist" not in str(problem):
            raise
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(connections[alias].settings_dict["NAME"]))
        with connections["default"].cursor() as cursor:
            cursor.execute(statement.as_string(None))
