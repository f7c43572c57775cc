"""The reads of this app, named as adjectives."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from django.db.models import BooleanField, Exists, Func, OuterRef, Value
from django.db.models.functions import Now

from feedback import lanes

if TYPE_CHECKING:
    from feedback.models import (  # noqa: F401 - named in strings
        ApiKey,
        ConsentEntry,
        Feedback,
        Interaction,
        Receipt,
        Source,
        Subject,
    )

M = TypeVar("M", bound=models.Model)

CAP = 10_000


def subject_key() -> bytes:
    """The secret under which subjects are pseudonymised, or a sentence that says where it comes from."""
    if not settings.CFT_SUBJECT_KEY:
        raise ImproperlyConfigured(
            "CFT_SUBJECT_KEY is not set in this process: subjects and their lanes are keyed with it."
        )
    return settings.CFT_SUBJECT_KEY


def consent_in_force(subject: str) -> Func:
    """Whether the subject named by the lookup `subject` allows training now, as PostgreSQL sees it."""
    return Func(subject, Value("training"), Now(), function="consent_in_force", output_field=BooleanField())


class CountedQuerySet(models.QuerySet[M]):
    """Counting that stays cheap on a table of millions."""

    def capped_count(self, cap: int = CAP) -> int:
        """Number of rows, at most `cap` + 1: "more than `cap`" is all that a page needs to know."""
        return self.order_by()[: cap + 1].count()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> Self:
        return self.filter(revoked_at__isnull=True, source__disabled_at__isnull=True)

    def matching(self, token: str) -> ApiKey | None:
        """The usable key that `token` opens, with its source."""
        return self.usable().filter(token_hash=lanes.token_hash(token)).select_related("source").first()


class SubjectQuerySet(models.QuerySet["Subject"]):
    def known_as(self, source: Source, key: str) -> Self:
        """The one subject that a source calls `key`, if it was ever seen."""
        return self.filter(source=source, key_hash=lanes.subject_hash(subject_key(), source.name, key))

    def get_or_open(self, source: Source, key: str) -> Subject:
        """The subject that a source calls `key`; opened, and its lane fixed for good, when first seen."""
        secret = subject_key()
        subject, _ = self.get_or_create(
            source=source,
            key_hash=lanes.subject_hash(secret, source.name, key),
            defaults={"lane": lanes.lane_of(secret, source.name, key, source.held_out_percent)},
        )
        return subject

    def labelled(self, label: str) -> Self:
        """Subjects whose short name on screen (s-1a2b3c4d) begins like this."""
        return self.filter(key_hash__startswith=label.strip().lower().removeprefix("s-"))

    def consented(self) -> Self:
        return self.filter(consent_in_force("pk"))

    def with_consent(self) -> Self:
        return self.annotate(consents=consent_in_force("pk"))


class InteractionQuerySet(CountedQuerySet["Interaction"]):
    def held_out(self) -> Self:
        return self.filter(lane="held_out")

    def trainable(self) -> Self:
        """Of the training lane; consent and screening are further questions."""
        return self.filter(lane="training")

    def consented(self) -> Self:
        return self.filter(consent_in_force("subject_id"))


class ConsentEntryQuerySet(models.QuerySet["ConsentEntry"]):
    def newest(self) -> Self:
        """The line that holds, one a subject and purpose."""
        later = self.model._default_manager.filter(
            subject=OuterRef("subject"), purpose=OuterRef("purpose"), pk__gt=OuterRef("pk")
        )
        return self.filter(~Exists(later))


class FeedbackQuerySet(CountedQuerySet["Feedback"]):
    def consented(self) -> Self:
        return self.filter(consent_in_force("interaction__subject_id"))

    def caseless(self) -> Self:
        """No case was opened for it yet."""
        return self.filter(case__isnull=True)


class ReceiptQuerySet(CountedQuerySet["Receipt"]):
    def visible_to(self, subject: Subject) -> Self:
        """What this person gave, in whichever lane."""
        return self.filter(interaction__subject=subject)

    def older_than(self, before: str) -> Self:
        """Newest first, from the one after the row with the id `before`; from the newest when there is none."""
        ordered = self.order_by("-created_at", "-id")
        try:
            last = self.model._default_manager.filter(pk=uuid.UUID(before)).only("created_at").first()
        except ValueError:
            return ordered
        if last is None:
            return ordered
        at = last.created_at
        return ordered.filter(created_at__lte=at).exclude(created_at=at, id__gte=last.pk)

    def capped_counts(self, cap: int = CAP) -> dict[str, int]:
        """Receipts of each kind, each at most `cap` + 1, in one query.

        A select of its own for every kind: the planner knows then how rare each is, and takes the index for the rare.
        """
        one = "SELECT %s, count(*) FROM (SELECT FROM feedback_receipt WHERE kind = %s LIMIT %s) AS found"
        kinds = self.model.Kind.values
        parameters = [value for kind in kinds for value in (kind, kind, cap + 1)]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([one] * len(kinds)), parameters)
            return dict(cursor.fetchall())
