"""Groups named by the roles of accounts."""

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from cftapp.base.accounts import ROLES


@transaction.atomic
def ensure_groups() -> None:
    """One group a role; administrators may view every model in the back office, and change nothing there."""
    groups = {name: Group.objects.get_or_create(name=name)[0] for name in ROLES}
    groups["admin"].permissions.set(Permission.objects.filter(codename__startswith="view_"))
