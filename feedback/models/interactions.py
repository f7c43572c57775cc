"""Interactions: a prompt and the model's answer."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q

from feedback.keyed_hashes import words_commitment
from feedback.models.base import CountedQuerySet, consent_in_force
from feedback.models.sources import Environment, Source
from feedback.models.subjects import Lane, Subject, pseudonym_key

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far an application's clock may be ahead of ours."""


class InteractionQuerySet(CountedQuerySet["Interaction"]):
    def held_out(self) -> Self:
        return self.filter(lane="held_out")

    def trainable(self) -> Self:
        """Of the training lane; consent and screening are further questions."""
        return self.filter(lane="training")

    def consented(self) -> Self:
        return self.filter(consent_in_force("subject_id"))


class Interaction(models.Model):
    """A prompt and the model's answer. In the held-out lane this row is a stub: the text is in the vault only."""

    class CutBy(models.TextChoices):
        """Who ended a streamed answer before its end: the one who asked, or the server that failed."""

        CLIENT = "client", "the client"
        MODEL_SERVER = "model_server", "the model server"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="interactions", db_index=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="interactions")
    lane = models.CharField(max_length=8, choices=Lane)
    environment = models.CharField(max_length=10, choices=Environment)
    prompt = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    cut_by = models.CharField(
        max_length=12, choices=CutBy, blank=True, default="", db_default="", help_text="Empty: the answer is whole."
    )
    model_name = models.CharField(max_length=120, blank=True)
    words_commitment = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Keyed: whether a repetition has the same words, in both lanes. Empty: from before.",
    )
    external_id = models.CharField(max_length=200, blank=True)
    replay_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replays", db_index=False
    )
    happened_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["source", "-created_at", "-id"], name="interaction_by_source"),
            models.Index(fields=["replay_of"], condition=Q(replay_of__isnull=False), name="interaction_replays"),
            models.Index(fields=["-created_at"], condition=Q(lane=Lane.HELD_OUT), name="interaction_held_out"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], condition=~Q(external_id=""), name="interaction_once_per_source"
            ),
            models.CheckConstraint(
                condition=Q(lane=Lane.TRAINING) | Q(prompt="", answer=""), name="held_out_text_is_in_the_vault_only"
            ),
            models.CheckConstraint(
                condition=Q(replay_of__isnull=True) | Q(environment=Environment.REPLAY),
                name="replay_is_in_environment_replay",
            ),
            models.CheckConstraint(
                condition=Q(cut_by__in=["", "client", "model_server"]), name="interaction_cut_by_known"
            ),
            models.CheckConstraint(
                condition=Q(happened_at__lte=F("created_at") + CLOCKS_DIFFER), name="interaction_did_not_happen_later"
            ),
            models.CheckConstraint(condition=~Q(replay_of=F("id")), name="interaction_does_not_replay_itself"),
        ]

    objects = InteractionQuerySet.as_manager()
    already_recorded = False  # set by record_interaction on the row of an earlier call

    @property
    def is_held_out(self) -> bool:
        return self.lane == Lane.HELD_OUT

    def commit(self, prompt: str, answer: str) -> None:
        """Remember which words these are, without the words."""
        self.words_commitment = words_commitment(pseudonym_key(), str(self.subject_id), prompt, answer)

    def differing_field(self, subject_hash: str, prompt: str, answer: str) -> str:
        """The first field in which another interaction differs from this one: subject, prompt, answer, or ""."""
        if subject_hash != self.subject.key_hash:
            return "subject"
        if self.words_commitment:
            other = words_commitment(pseudonym_key(), str(self.subject_id), prompt, answer)
            same = other[:32] == self.words_commitment[:32], other[32:] == self.words_commitment[32:]
        else:  # recorded before there were commitments: what the row does not hold cannot be compared
            same = self.prompt in ("", prompt), self.answer in ("", answer)
        return "" if all(same) else "answer" if same[0] else "prompt"
