"""Groups named by the roles of accounts, and the demo accounts of an embedded stack."""

import secrets
from pathlib import Path

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from cftapp.base import files
from cftapp.base.accounts import ROLES

# The back office shows everything to administrators; what they may change there is accounts.
ADMIN_MAY_CHANGE = ["add_user", "change_user"]


@transaction.atomic
def ensure_groups() -> None:
    """One group a role; administrators may view every model in the back office and edit accounts."""
    groups = {name: Group.objects.get_or_create(name=name)[0] for name in ROLES}
    views = Permission.objects.filter(codename__startswith="view_")
    edits = Permission.objects.filter(content_type__app_label="auth", codename__in=ADMIN_MAY_CHANGE)
    groups["admin"].permissions.set([*views, *edits])


def ensure_demo_accounts(file: Path) -> list[str]:
    """Make the account of every role whose password `file` does not hold; returns the names that were made.

    A lost file means lost passwords, so those accounts get new ones.
    """
    known = read_accounts(file)
    missing = [name for name in ROLES if name not in known]
    known |= {name: secrets.token_urlsafe(9) for name in missing}
    with transaction.atomic():
        for name in ROLES:
            if name in missing or not User.objects.filter(username=name).exists():
                set_account(name, known[name])
        if missing:
            files.write(file, "".join(f"{name}\t{known[name]}\n" for name in ROLES), private=True)
    return missing


def set_account(name: str, password: str) -> None:
    user, _ = User.objects.get_or_create(username=name)
    user.set_password(password)
    user.is_staff = name == "admin"
    user.save()
    user.groups.set([Group.objects.get(name=name)])


def read_accounts(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    return dict(line.split("\t", 1) for line in file.read_text().splitlines() if "\t" in line)
