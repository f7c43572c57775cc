"""What one admin asked for and another confirms, and how often somebody failed to sign in.

Accounts themselves are Django's. Who may change what in them is said by `guards/`.
"""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from cftapp.base.accounts import ROLES

LINK = "link"
LINK_LASTS = timedelta(days=1)
"""The guard `request_needs_two_admins` says the same."""


class RequestQuerySet(models.QuerySet["Request"]):
    def waiting(self) -> Self:
        """Asked for, and no second admin has answered."""
        return self.filter(state="requested")

    def usable(self) -> Self:
        """Links that a password can be chosen with now."""
        confirmed = self.filter(wanted=LINK, state="confirmed", used_at__isnull=True, account__is_active=True)
        return confirmed.filter(answered_at__gt=timezone.now() - LINK_LASTS)

    def with_people(self) -> Self:
        return self.select_related("account", "asked_by", "answered_by")


class Request(models.Model):
    """An admin asks for a role of an account, or for a link to choose a password; another admin confirms.

    PostgreSQL gives the role when it is confirmed, and by no other way: the web process cannot. Who asked is unknown
    where the operator did it on the command line, which needs no second person.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Waiting for a second admin"
        CONFIRMED = "confirmed", "Confirmed"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests")
    wanted = models.CharField(max_length=20, choices=[(LINK, "a link to choose a password"), *ROLES.items()])
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now, help_text="Set by PostgreSQL, like the other times.")
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True, help_text="When the link was used. It works once.")

    objects = RequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "wanted"], condition=Q(state="requested"), name="one_open_request_of_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(
                    state="requested", asked_by__isnull=False, answered_at__isnull=True, answered_by__isnull=True
                )
                | Q(state="confirmed", asked_by__isnull=True, answered_at__isnull=False, answered_by__isnull=True)
                | (
                    ~Q(state="requested")
                    & Q(asked_by__isnull=False, answered_at__isnull=False, answered_by__isnull=False)
                ),
                name="answered_request_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "declined"])
                | Q(answered_by__isnull=True)
                | ~Q(answered_by=F("asked_by")),
                name="request_needs_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(answered_by__isnull=True) | ~Q(answered_by=F("account")),
                name="nobody_confirms_for_themselves",
            ),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True) | Q(wanted=LINK, state="confirmed"), name="only_a_link_is_used"
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="requested"), name="request_waiting")]

    def __str__(self) -> str:
        return f"{self.wanted} for account {self.account_id}"

    @property
    def expires_at(self) -> datetime | None:
        return self.answered_at + LINK_LASTS if self.answered_at else None


class Attempt(models.Model):
    """Failures to sign in, counted for an account, an address or a browser, each under a keyed hash of what it is."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)
