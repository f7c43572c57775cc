"""The operator's way to accounts: the first admin of a new installation, and the way back in when there is none."""

from typing import Any

import environ
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from cftapp.accounts import links
from cftapp.accounts.actions import issue_link, set_up_account
from cftapp.base.accounts import ROLES
from cftapp.base.actors import OWNER
from cftapp.base.refusal import Refused


class Command(BaseCommand):
    help = "Make an account or give it roles, as the owner, and print a link with which its holder chooses a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the person signs in with")
        parser.add_argument("--role", action="append", default=[], choices=[*ROLES], help="again for another role")
        parser.add_argument("--no-link", action="store_true", help="only the roles: the password stays")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["no_link"] and not environ.Env().str("CFT_SECRET_KEY", default=""):
            raise CommandError("CFT_SECRET_KEY is not set: the link is signed with the key of the web process.")
        try:
            account = set_up_account(options["name"], options["role"], by=OWNER)
            if not options["no_link"]:
                self.print_link(account)
        except Refused as refused:
            raise CommandError(refused.words) from refused
        except DatabaseError as problem:
            raise CommandError(f"{problem} (this is for the owner of the database)") from problem

    def print_link(self, account: User) -> None:
        link = f"{settings.CFT_URL.rstrip('/')}{links.path_of(issue_link(account, by=OWNER))}"
        self.stdout.write(f"Within a day, {account.username} chooses a password here, once:\n{link}")
