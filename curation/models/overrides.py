"""An override: two people take responsibility for a case that one check forbids."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTransform

from curation.models.cases import Blocker, Case, found
from feedback.models import CountedQuerySet


class OverrideQuerySet(CountedQuerySet):
    def waiting(self) -> Self:
        """Asked for, and no lead has answered."""
        return self.filter(state="requested")

    def confirmed(self) -> Self:
        return self.filter(state="confirmed")

    def in_force(self) -> Self:
        """Asked for or confirmed: what a case may have one of for each finding."""
        return self.filter(state__in=["requested", "confirmed"])

    def with_found(self) -> Self:
        """Annotated with all that each covers."""
        return self.annotate(found=found(F("check_name"), KeyTransform("evidence", "finding")))

    def with_case(self) -> Self:
        return self.select_related("requested_by", "settled_by", "case__correction__interaction", "case__subject")


class Override(models.Model):
    """Two people take responsibility for a case that one check forbids: a reviewer asks, a lead confirms.

    It covers what one check had found then, which PostgreSQL reads from the finding itself: another item, another
    method or another check is another finding, and blocks again; less than was found is covered. What it says of the
    finding is what people saw, and `substance` names it.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Waiting for a lead"
        CONFIRMED = "confirmed", "Confirmed"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="overrides")
    check_name = models.CharField(max_length=16, choices=Blocker.Check)
    substance = models.CharField(max_length=300, editable=False, help_text="What it covers; set by PostgreSQL.")
    finding = models.JSONField(default=dict, editable=False, help_text="Score, limit, message, evidence as they were.")
    epoch = models.PositiveIntegerField(null=True, editable=False)
    reason = models.TextField()
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True, help_text="What the lead said.")

    objects = OverrideQuerySet.as_manager()

    found: list[str]  # annotation of `with_found`

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "check_name", "substance"],
                condition=Q(state__in=["requested", "confirmed"]),
                name="one_override_a_finding",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", settled_by__isnull=True, settled_at__isnull=True)
                | (~Q(state="requested") & Q(settled_by__isnull=False, settled_at__isnull=False)),
                name="settled_override_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "declined"]) | ~Q(settled_by=models.F("requested_by")),
                name="override_needs_two_people",
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="override_has_a_reason"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="requested"), name="override_waiting")]
