"""Subjects (the users or conversations that are recorded), pseudonymised, and the lane that is fixed for each once."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from feedback.keyed_hashes import subject_hash
from feedback.lanes import lane_of
from feedback.models.base import consent_in_force
from feedback.models.sources import Source
from feedback.subject_keys import normal_subject


def pseudonym_key() -> bytes:
    """The secret under which subjects are pseudonymised; ImproperlyConfigured where the process has none."""
    if not settings.CFT_SUBJECT_KEY:
        raise ImproperlyConfigured(
            "CFT_SUBJECT_KEY is not set in this process: subjects and their lanes are keyed with it."
        )
    return settings.CFT_SUBJECT_KEY


class SubjectQuerySet(models.QuerySet["Subject"]):
    def known_as(self, source: Source, external_id: str) -> Self:
        """The subject that a source calls `external_id`: one row, or none if it was never seen. Refused for no id."""
        external_id = normal_subject(external_id)
        return self.filter(source=source, key_hash=subject_hash(pseudonym_key(), source.name, external_id))

    def get_or_open(self, source: Source, external_id: str) -> Subject:
        """The subject that a source calls `external_id`; created, and its lane fixed for good, when first seen."""
        external_id = normal_subject(external_id)
        key = pseudonym_key()
        subject, _ = self.get_or_create(
            source=source,
            key_hash=subject_hash(key, source.name, external_id),
            defaults={"lane": lane_of(key, source.name, external_id, source.held_out_percent)},
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
    """A user or a conversation, pseudonymised: whose words these are. The lane is fixed here, once, for good."""

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

    def is_known_as(self, source: Source, *names: str) -> bool:
        """Whether one of these is what its source calls it."""
        return any(subject_hash(pseudonym_key(), source.name, name) == self.key_hash for name in names if name)


class SubjectAccount(models.Model):
    """An account that is this subject too: somebody signed in in the browser whose visitor it is. Kept for good."""

    id = models.BigAutoField(primary_key=True)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="accounts", db_index=False)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    linked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "account"], name="subject_is_an_account_once")]
