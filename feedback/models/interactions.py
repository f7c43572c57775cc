"""Interactions: a conversation and the model's answer to it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q

from conversation import Conversation, Message, answer_of, answer_spelling, answer_text, stored_answer
from feedback.keyed_hashes import keyed_hash, words_commitment
from feedback.models.base import CountedQuerySet, consent_in_force
from feedback.models.sources import Environment, Source
from feedback.models.subjects import Lane, Subject, pseudonym_key

WORDS = ("prompt", "answer", "conversation", "answer_message")
"""The columns that hold what was said: up to a megabyte a row, so lists leave those that they do not show."""
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
    """A conversation and the model's answer. In the held-out lane this row is a stub: the text is in the vault only."""

    class CutBy(models.TextChoices):
        """Who ended a streamed answer before its end: the one who asked, or the server that failed."""

        CLIENT = "client", "the client"
        MODEL_SERVER = "model_server", "the model server"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="interactions", db_index=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="interactions")
    lane = models.CharField(max_length=8, choices=Lane)
    environment = models.CharField(max_length=10, choices=Environment)
    tenant = models.SlugField(
        max_length=60, blank=True, default="", db_default="", db_index=False, help_text="The brand or customer."
    )
    prompt = models.TextField(blank=True, help_text="As it reads: what search looks through.")
    answer = models.TextField(blank=True)
    conversation = models.TextField(
        blank=True, default="", db_default="", help_text="JSON. Empty: the prompt is all, a question of a user."
    )
    answer_message = models.TextField(
        blank=True, default="", db_default="", help_text="JSON. Empty: the answer is a text."
    )
    conversation_key = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Keyed: of one subject, the turns of one conversation have the same. Empty: from before.",
    )
    turn = models.PositiveSmallIntegerField(default=1, db_default=1, help_text="How often the user had spoken.")
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
                condition=Q(lane=Lane.TRAINING) | Q(prompt="", answer="", conversation="", answer_message=""),
                name="held_out_text_is_in_the_vault_only",
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

    @property
    def asked(self) -> Conversation:
        """The conversation up to the answer; that of an erased or a held-out row asks nothing."""
        return Conversation.of(self.prompt, self.conversation)

    @property
    def answered(self) -> Message:
        """The answer as a message."""
        return answer_of(self.answer, self.answer_message)

    def hold(self, asked: Conversation, answered: Message) -> None:
        """Take these words into the row."""
        self.prompt, self.conversation = asked.text, asked.stored
        self.answer, self.answer_message = answer_text(answered), stored_answer(answered)

    def identify(self, asked: Conversation, answered: Message, conversation_id: str = "") -> None:
        """Remember which words these are, and which turn of which conversation, without the words.

        A conversation is known by the application's id for it, or else by how it began.
        """
        key, subject = pseudonym_key(), str(self.subject_id)
        self.words_commitment = words_commitment(key, subject, asked.spelling, answer_spelling(answered))
        named = ("id", conversation_id) if conversation_id else ("opening", asked.opening)
        self.conversation_key = keyed_hash(key, "conversation", subject, *named)[:16].hex()
        self.turn = asked.turn

    def differing_field(self, subject_hash: str, asked: Conversation, answered: Message) -> str:
        """The first field in which another interaction differs from this one: subject, prompt, answer, or ""."""
        if subject_hash != self.subject.key_hash:
            return "subject"
        if self.words_commitment:
            words = asked.spelling, answer_spelling(answered)
            other = words_commitment(pseudonym_key(), str(self.subject_id), *words)
            same = other[:32] == self.words_commitment[:32], other[32:] == self.words_commitment[32:]
        else:  # recorded before there were commitments: what the row does not hold cannot be compared
            same = self.prompt in ("", asked.text), self.answer in ("", answer_text(answered))
        return "" if all(same) else "answer" if same[0] else "prompt"
