"""Which accounts are visitors as well, so that nobody judges their own words."""

from django.contrib.auth.models import User
from django.db import transaction

from audit.actions import record
from feedback.models import Subject, SubjectAccount


@transaction.atomic
def link_account(subject: Subject, *, by: User) -> None:
    """Note that this account is this subject too. A second time changes nothing."""
    _, is_new = SubjectAccount.objects.get_or_create(subject=subject, account=by)
    if is_new:
        record("subject.linked", by=by, used=[("subject", subject.pk)])
