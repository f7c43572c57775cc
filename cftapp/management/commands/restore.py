"""`manage.py restore FOLDER`: a backup into two empty databases, then what it cannot know: later withdrawals."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from redis.exceptions import RedisError

from audit.kept import Unreadable, has_any
from cftapp.base import files
from cftapp.operations import backup
from cftapp.operations.withdrawals import apply_later_withdrawals


class Command(BaseCommand):
    help = "Restore a backup. Runs as the owner, while nothing else runs; what is not empty is refused."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--keys", type=Path, help="the folder of its keys, where they are not here already")
        parser.add_argument("--kept", type=Path, help="the newest checkpoints folder; default: the one below CFT_VAR")
        parser.add_argument(
            "--nothing-kept",
            action="store_true",
            help="there is no such folder any more: withdrawals that came after the backup are lost",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source, keys, var = options["folder"], options["keys"], Path(settings.CFT_VAR)
        kept = None if options["nothing_kept"] else options["kept"] or var / backup.CHECKPOINTS
        try:
            facts = check(source, keys, kept, var)
            files.write(var / backup.UNFINISHED_RESTORE, f"{source}\n")
            if keys:
                backup.restore_files(keys, var, backup.KEYS)
            backup.restore_files(source, var, [backup.RUNS])
            for alias in backup.DATABASES:
                backup.restore_database(connections[alias].get_connection_params(), source / f"{alias}.dump")
                call_command("migrate", database=alias, verbosity=0, interactive=False)
            call_command("provision", stdout=self.stdout)
            count = apply_later_withdrawals(kept, facts["made_at"])
            backup.restore_checkpoints(source, var, kept)
            with suppress(
                RedisError
            ):  # what it remembers is of the log that went on; a stack of `make up` has none yet
                cache.clear()
            (var / backup.UNFINISHED_RESTORE).unlink()
        except (backup.Unusable, Unreadable, OSError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"restored what was backed up at {facts['made_at']}, and {count} later withdrawals")


def check(source: Path, keys: Path | None, kept: Path | None, var: Path) -> dict[str, Any]:
    """The backup's manifest, once everything that can be refused was not. Raises Unusable: nothing is written then."""
    facts = backup.check(source)
    if keys:
        backup.check(keys, "keys")
        backup.require_free(keys, var, backup.KEYS)
    databases = {alias: connections[alias].get_connection_params() for alias in settings.DATABASES}
    backup.require_databases(databases)
    for parameters in databases.values():
        backup.require_empty(parameters)
    backup.require_free(source, var, [backup.RUNS])
    if kept is not None and not has_any(kept):
        raise backup.Unusable(
            f"{kept} does not say who withdrew consent after {facts['made_at']}: name the newest checkpoints folder "
            "with --kept. If there is none any more, and only then: --nothing-kept."
        )
    return facts
