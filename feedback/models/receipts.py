"""Receipts of feedback in both lanes, and the stored replies of idempotent API requests."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import connection, models

from feedback.models.base import CAP, CountedQuerySet
from feedback.models.interactions import Interaction
from feedback.models.sources import ApiKey
from feedback.models.subjects import Subject


class ReceiptQuerySet(CountedQuerySet["Receipt"]):
    def visible_to(self, subject: Subject) -> Self:
        """Receipts of what this subject gave, in both lanes."""
        return self.filter(interaction__subject=subject)

    def older_than(self, before: str) -> Self:
        """Newest first, from the row after the one with the id `before`; from the newest when there is none."""
        newest_first = self.order_by("-created_at", "-id")
        try:
            last = self.model._default_manager.filter(pk=uuid.UUID(before)).only("created_at").first()
        except ValueError:
            return newest_first
        if last is None:
            return newest_first
        created_at = last.created_at
        return newest_first.filter(created_at__lte=created_at).exclude(created_at=created_at, id__gte=last.pk)

    def capped_counts(self, cap: int = CAP) -> dict[str, int]:
        """Receipts of each kind, each at most `cap` + 1, in one query.

        A select of its own for every kind: the planner knows then how rare each is, and takes the index for the rare.
        """
        select = "SELECT %s, count(*) FROM (SELECT FROM feedback_receipt WHERE kind = %s LIMIT %s) AS capped"
        kinds = self.model.Kind.values
        parameters = [value for kind in kinds for value in (kind, kind, cap + 1)]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([select] * len(kinds)), parameters)
            return dict(cursor.fetchall())


class Receipt(models.Model):
    """The record that feedback of a kind was given, in both lanes alike: what pages list. Holds none of its words.

    The kind here is for listing only; what may be learned hangs on the tables of the kinds.
    """

    class Kind(models.TextChoices):
        BUG_REPORT = "bug_report", "Bug"
        TASTE_NOTE = "taste_note", "Taste"
        CORRECTION = "correction", "Correction"
        COMMENT = "comment", "Comment"

    id = models.UUIDField(primary_key=True, editable=False, help_text="The id of the feedback itself.")
    interaction = models.ForeignKey(Interaction, on_delete=models.PROTECT, related_name="receipts")
    kind = models.CharField(max_length=10, choices=Kind)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="receipt_newest_first"),
            models.Index(fields=["kind", "-created_at", "-id"], name="receipt_of_a_kind"),
        ]

    objects = ReceiptQuerySet.as_manager()


class IdempotentReply(models.Model):
    """The first reply to a request with an Idempotency-Key; a repetition gets the same bytes and writes nothing."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, db_index=False)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64, help_text="Keyed: the request's text cannot be guessed from it.")
    status = models.PositiveSmallIntegerField()
    body = models.TextField(help_text="The JSON as it was sent; it repeats no words of the request.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="idempotency_key_once_per_api_key")]
