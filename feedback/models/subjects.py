"""Subjects: whose words these are, pseudonymised, and the lane that is fixed for them once."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from feedback import lanes
from feedback.models.base import consent_in_force
from feedback.models.sources import Source


def subject_key() -> bytes:
    """The secret under which subjects are pseudonymised, or a sentence that says where it comes from."""
    if not settings.CFT_SUBJECT_KEY:
        raise ImproperlyConfigured(
            "CFT_SUBJECT_KEY is not set in this process: subjects and their lanes are keyed with it."
        )
    return settings.CFT_SUBJECT_KEY


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


class Lane(models.TextChoices):
    TRAINING = "training", "Training"
    HELD_OUT = "held_out", "Held out"


class Subject(models.Model):
    """Whose words these are (a user or a conversation), pseudonymised. The lane is fixed here, once, for good."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="subjects")
    key_hash = models.CharField(max_length=64, help_text="HMAC-SHA-256 of the external id under the subject key.")
    lane = models.CharField(max_length=8, choices=Lane)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "key_hash"], name="subject_once_per_source"),
            # What the composite foreign key of interactions points at: whoever names a subject names its lane.
            models.UniqueConstraint(fields=["id", "lane", "source"], name="subject_has_one_lane"),
        ]
        # Compliance searches by the beginning of the label.
        indexes = [models.Index(fields=["key_hash"], opclasses=["varchar_pattern_ops"], name="subject_by_label")]

    objects = SubjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """A short, stable, anonymous name to show on screen."""
        return f"s-{self.key_hash[:8]}"
