"""A pair: an accepted correction, the lesson that a dataset is frozen from."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from conversation import Conversation, Message, answer_of
from curation.models.epochs import current_epoch_number
from feedback.models import WORDS, ConsentEntry, Correction, CountedQuerySet, LastQuestion, Subject, consent_in_force


class PairQuerySet(CountedQuerySet):
    def with_questions(self) -> Self:
        """For a list: annotated with what was asked last, `question`; the rest of the conversation is not read."""
        unread = ("prompt", "conversation", "rejected", "rejected_message")
        joined = self.select_related("correction__interaction").annotate(question=LastQuestion())
        return joined.defer(*unread, *(f"correction__interaction__{column}" for column in WORDS))

    def accepted(self) -> Self:
        return self.filter(state="accepted")

    def consented(self) -> Self:
        return self.filter(consent_in_force("subject_id"))

    def locked(self) -> Self:
        """For update, in the order in which a freeze locks them: two who lock many cannot wait for each other."""
        return self.order_by("accepted_at", "id").select_for_update()

    def unconsented(self) -> Self:
        """Consent ended since acceptance. Every pair had it then, so only withdrawn and expired lines are looked at."""
        ended = Q(decision="withdrawn") | Q(expires_at__lte=Now())
        suspects = ConsentEntry.objects.filter(ended).values("subject")
        return self.filter(subject__in=suspects).exclude(consent_in_force("subject_id"))

    def current(self) -> Self:
        """Screened under the current epoch."""
        return self.filter(screened_epoch=current_epoch_number())

    def unfrozen(self) -> Self:
        """In no dataset yet."""
        return self.filter(dataset_rows__isnull=True)


class Pair(models.Model):
    """A lesson: only a Correction can become one, because the foreign key says so."""

    class State(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        UNDONE = "undone", "Undone"
        WITHDRAWN = "withdrawn", "Consent withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    correction = models.OneToOneField(Correction, on_delete=models.PROTECT, related_name="pair")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="pairs")
    prompt = models.TextField(help_text="As it reads.")
    chosen = models.TextField()
    rejected = models.TextField(blank=True)
    conversation = models.TextField(blank=True, default="", db_default="", help_text="JSON, as the interaction's.")
    chosen_message = models.TextField(blank=True, default="", db_default="", help_text="JSON, as the correction's.")
    rejected_message = models.TextField(
        blank=True, default="", db_default="", help_text="JSON, as the interaction's answer."
    )
    row_hash = models.CharField(max_length=64)
    screened_epoch = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.ACCEPTED)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="accepted_pairs")
    accepted_at = models.DateTimeField(default=timezone.now)

    objects = PairQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["-accepted_at"], condition=Q(state="accepted"), name="pair_trainable")]

    @property
    def asked(self) -> Conversation:
        return Conversation.of(self.prompt, self.conversation)

    @property
    def chosen_answer(self) -> Message:
        return answer_of(self.chosen, self.chosen_message)

    @property
    def rejected_answer(self) -> Message:
        return answer_of(self.rejected, self.rejected_message)
