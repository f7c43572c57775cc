"""The accounts of an embedded stack: one for each role, named like it, and a second admin to confirm what one asks."""

import secrets
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from cftapp.accounts.actions import set_up_account
from cftapp.base import files
from cftapp.base.accounts import ROLES
from cftapp.base.actors import OWNER

PEOPLE = {name: name for name in ROLES} | {"admin-2": "admin"}
"""Name → role."""


def ensure_demo_accounts(file: Path) -> list[str]:
    """Make every account whose password `file` does not hold; returns the names that were made.

    A lost file means lost passwords, so those accounts get new ones.
    """
    known = read_accounts(file)
    missing = [name for name in PEOPLE if name not in known]
    known |= {name: secrets.token_urlsafe(9) for name in missing}
    with transaction.atomic():
        for name, role in PEOPLE.items():
            if name in missing or not User.objects.filter(username=name).exists():
                set_up_account(name, [role], known[name], by=OWNER)
        if missing:
            files.write(file, "".join(f"{name}\t{known[name]}\n" for name in PEOPLE), private=True)
    return missing


def read_accounts(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    return dict(line.split("\t", 1) for line in file.read_text().splitlines() if "\t" in line)
