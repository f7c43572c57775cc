"""Everything between an empty database and a running stack, each step idempotent. Runs as the owner."""

from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrate both databases, create roles and grants, demo accounts, static files and demo data."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for alias in settings.DATABASES:
            self.stdout.write(f"migrating the database {alias}")
            call_command("migrate", database=alias, verbosity=0, interactive=False)
        call_command("provision", demo_accounts=True, stdout=self.stdout)
        call_command("collectstatic", verbosity=0, interactive=False)
        if "load_demo" in get_commands():
            call_command("load_demo", stdout=self.stdout)
