"""The consent ledger, and the question whether consent is in force."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from feedback.models.subjects import Subject


class ConsentEntryQuerySet(models.QuerySet["ConsentEntry"]):
    def newest(self) -> Self:
        """The newest entry of each subject and purpose: what holds."""
        later = self.model._default_manager.filter(
            subject=OuterRef("subject"), purpose=OuterRef("purpose"), pk__gt=OuterRef("pk")
        )
        return self.filter(~Exists(later))

    def newest_of(self, subject_id: uuid.UUID | str) -> ConsentEntry | None:
        """The entry that holds for the training of a subject; None if it never decided."""
        decisions = self.filter(subject_id=subject_id, purpose=ConsentEntry.Purpose.TRAINING)
        return decisions.order_by("-id").first()


class ConsentEntry(models.Model):
    """An entry of the consent ledger: append-only; the newest entry of a subject and purpose is what holds."""

    class Purpose(models.TextChoices):
        TRAINING = "training", "Training"

    class Decision(models.TextChoices):
        GRANTED = "granted", "Granted"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class LegalBasis(models.TextChoices):
        CONSENT = "consent", "Consent (GDPR Art. 6(1)(a))"
        CONTRACT = "contract", "Contract (GDPR Art. 6(1)(b))"
        LEGITIMATE_INTERESTS = "legitimate_interests", "Legitimate interests (GDPR Art. 6(1)(f))"

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="consent_entries", db_index=False)
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.TRAINING)
    decision = models.CharField(max_length=9, choices=Decision)
    wording_version = models.CharField(max_length=40)
    legal_basis = models.CharField(max_length=24, choices=LegalBasis, default=LegalBasis.CONSENT)
    expires_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True)
    recorded_by = models.CharField(max_length=120)

    class Meta:
        indexes = [models.Index(fields=["subject", "purpose", "-id"], name="consent_newest_first")]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="granted") | Q(expires_at__isnull=True), name="withdrawal_does_not_expire"
            ),
        ]

    objects = ConsentEntryQuerySet.as_manager()
