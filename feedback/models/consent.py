"""The wordings beside consent boxes, the consent ledger, and the question whether consent is in force."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from feedback.models.interactions import CLOCKS_DIFFER
from feedback.models.sources import Source
from feedback.models.subjects import Subject

VERSION = r"^[A-Za-z0-9._:/-]{1,40}$"
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


class ConsentWordingQuerySet(models.QuerySet["ConsentWording"]):
    def shown_by(self, source: Source | None) -> Self:
        """Those that this source may show: its own first, then those of no source in particular; newest first."""
        return self.filter(Q(source=source) | Q(source=None)).order_by("source_id", "-published_at", "-version")

    def current(self, source: Source | None = None) -> ConsentWording:
        """The one that pages in English show now."""
        return self.shown_by(source).filter(language="en")[0]


class ConsentWording(models.Model):
    """The words beside a consent box, published for good: what a subject agreed to is read here, to the letter."""

    version = models.CharField(max_length=40, primary_key=True)
    language = models.CharField(max_length=35, help_text="A language tag (BCP 47), such as en or pt-BR.")
    text = models.TextField(help_text="The first line stands beside the box, the rest below it.")
    text_sha256 = models.CharField(max_length=64, help_text="Of the text in UTF-8.")
    source = models.ForeignKey(
        Source, null=True, on_delete=models.PROTECT, related_name="wordings", help_text="Who shows it; none: anybody."
    )
    published_at = models.DateTimeField(default=timezone.now)
    published_by = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(version__regex=VERSION), name="wording_version_is_an_identifier"),
            models.CheckConstraint(condition=Q(language__regex=LANGUAGE), name="wording_language_is_a_tag"),
            models.CheckConstraint(condition=Q(text__regex=r"\S"), name="wording_has_words"),
        ]

    objects = ConsentWordingQuerySet.as_manager()

    def __str__(self) -> str:
        return self.version

    @property
    def label(self) -> str:
        """What stands beside the box."""
        return self.text.partition("\n")[0]

    @property
    def explanation(self) -> str:
        """What stands below it."""
        return self.text.partition("\n")[2].strip()


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
    wording = models.ForeignKey(
        ConsentWording, on_delete=models.PROTECT, related_name="+", db_column="wording_version", db_index=False
    )
    legal_basis = models.CharField(max_length=24, choices=LegalBasis, default=LegalBasis.CONSENT)
    expires_at = models.DateTimeField(null=True, blank=True)
    given_at = models.DateTimeField(
        default=timezone.now, db_default=Now(), help_text="When the person decided; it may reach us later."
    )
    recorded_at = models.DateTimeField(auto_now_add=True)
    recorded_by = models.CharField(max_length=120)

    class Meta:
        indexes = [models.Index(fields=["subject", "purpose", "-id"], name="consent_newest_first")]
        constraints = [
            models.CheckConstraint(
                condition=Q(given_at__lte=F("recorded_at") + CLOCKS_DIFFER), name="consent_was_not_given_later"
            ),
            models.CheckConstraint(
                condition=Q(decision="granted") | Q(expires_at__isnull=True), name="withdrawal_does_not_expire"
            ),
        ]

    objects = ConsentEntryQuerySet.as_manager()

    @property
    def arrived_late(self) -> bool:
        """Whether it was recorded more than a minute after it was given."""
        return self.recorded_at - self.given_at > timedelta(minutes=1)

    @property
    def is_in_force(self) -> bool:
        """Whether this entry, while no later one holds, allows training now."""
        return self.decision == "granted" and (self.expires_at is None or self.expires_at > timezone.now())
