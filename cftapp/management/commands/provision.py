"""Roles and grants of both databases, groups of accounts, and on request one demo account a role."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError

from cftapp.access.groups import ensure_groups
from cftapp.access.provision import BadGrant, provision
from cftapp.accounts.demo import PEOPLE, ensure_demo_accounts
from cftapp.local.secrets import login_passwords


class Command(BaseCommand):
    help = "Create the runtime roles and their grants in every configured database. Runs as owner, after migrate."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo-accounts", action="store_true", help="one account a role, passwords into CFT_VAR")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = provision(login_passwords(Path(settings.CFT_VAR)), list(settings.DATABASES))
        except (BadGrant, ProgrammingError) as problem:
            raise CommandError(
                f"{str(problem).strip()} (provision runs after migrate, as an owner with CREATEROLE)"
            ) from problem
        ensure_groups()
        if options["demo_accounts"]:
            made = ensure_demo_accounts(Path(settings.CFT_VAR) / "accounts.txt")
            lines.append(f"demo accounts: {len(made)} made of {len(PEOPLE)}")
        for line in lines:
            self.stdout.write(line)
