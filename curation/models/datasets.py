"""Frozen datasets, their rows, and the replay rows that are mixed in."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from conversation import Conversation, Message, answer_of
from curation.models.cases import Blocker
from curation.models.epochs import current_epoch_number
from curation.models.pairs import Pair
from feedback.models import WORDS, LastQuestion


class DatasetRowQuerySet(models.QuerySet):
    """A dataset never changes, but the exam does: what was clean when it was frozen may be an item today."""

    def with_questions(self) -> Self:
        """For a list: annotated with what was asked last, by a pair or a replay row; the conversations are not read."""
        joined = self.select_related("pair__correction__interaction", "replay_row")
        asked = {"question": LastQuestion("pair__"), "replay_question": LastQuestion("replay_row__")}
        unread = [f"pair__{column}" for column in ("prompt", "conversation", "rejected", "rejected_message")]
        unread += [f"pair__correction__interaction__{column}" for column in WORDS]
        unread += ["replay_row__prompt", "replay_row__conversation"]
        return joined.annotate(**asked).defer(*unread)

    def unscreened(self) -> Self:
        """Not screened under the current epoch: whether it is part of an exam is not known."""
        current = current_epoch_number()
        seen = Q(pair__screened_epoch=current) | Q(replay_row__screened_epoch=current)
        return self.exclude(pair__isnull=True, replay_row__isnull=True).exclude(seen)

    def overlapping(self) -> Self:
        """Found to overlap with the exam since it was frozen, and no override covers that."""
        overlaps_now = Blocker.objects.stopping().filter(
            case__correction=OuterRef("pair__correction"), check_name=Blocker.Check.OVERLAP
        )
        return self.filter(Q(replay_row__overlaps=True) | Exists(overlaps_now))


class ReplayRowQuerySet(models.QuerySet):
    def stale(self) -> Self:
        """Not screened under the current epoch."""
        current = current_epoch_number()
        return self.filter(Q(screened_epoch__isnull=True) | ~Q(screened_epoch=current))

    def clean(self, epoch: int) -> Self:
        return self.filter(screened_epoch=epoch, overlaps=False)


class ReplayRow(models.Model):
    """A row of what the base model already knows, mixed into training against forgetting."""

    id = models.BigAutoField(primary_key=True)
    skill = models.CharField(max_length=40)
    is_refusal = models.BooleanField(default=False)
    prompt = models.TextField(help_text="As it reads.")
    answer = models.TextField()
    conversation = models.TextField(
        blank=True, default="", db_default="", help_text="JSON. Empty: the prompt is all, a question of a user."
    )
    answer_message = models.TextField(
        blank=True, default="", db_default="", help_text="JSON. Empty: the answer is a text."
    )
    row_hash = models.CharField(max_length=64, unique=True)
    screened_epoch = models.PositiveIntegerField(null=True)
    overlaps = models.BooleanField(default=False)
    overlaps_with = models.CharField(
        max_length=80, blank=True, db_default="", help_text="Name and version of the exam."
    )
    tokens = models.PositiveIntegerField(null=True, help_text="As the base of that tokenizer reads it.")
    tokenizer = models.CharField(max_length=12, blank=True, db_default="")

    objects = ReplayRowQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["screened_epoch", "id"]),
            models.Index(fields=["id"], condition=Q(overlaps=True), name="replayrow_overlapping"),
        ]

    @property
    def asked(self) -> Conversation:
        return Conversation.of(self.prompt, self.conversation)

    @property
    def answered(self) -> Message:
        return answer_of(self.answer, self.answer_message)


class Dataset(models.Model):
    """An immutable selection of lessons: ordered row hashes, their Merkle root, the decontamination report."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120)
    recipe = models.JSONField()
    report = models.JSONField(help_text="What was checked, dropped and why; hashed into the manifest.")
    report_sha256 = models.CharField(max_length=64, db_default="", help_text="Of the report's RFC 8785 bytes.")
    merkle_root = models.CharField(max_length=64)
    pair_count = models.PositiveIntegerField()
    replay_count = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    frozen_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="datasets")
    frozen_at = models.DateTimeField(auto_now_add=True)
    learnt_from_withdrawn_at = models.DateTimeField(null=True, help_text="First withdrawal of a row in it.")
    contamination = models.JSONField(null=True, help_text="How many of its rows are items of which exam today.")

    @property
    def label(self) -> str:
        """Its number and its name: two may be called the same."""
        return f"#{self.pk} {self.name}"


class DatasetRow(models.Model):
    """One row of a dataset. The hash stays when the row itself is erased, so the root stays provable."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="rows")
    position = models.PositiveIntegerField()
    pair = models.ForeignKey(Pair, null=True, on_delete=models.PROTECT, related_name="dataset_rows")
    replay_row = models.ForeignKey(ReplayRow, null=True, on_delete=models.PROTECT)
    row_hash = models.CharField(max_length=64)

    objects = DatasetRowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "position"], name="one_row_a_position"),
            models.CheckConstraint(
                condition=~(Q(pair__isnull=False) & Q(replay_row__isnull=False)), name="row_is_pair_or_replay"
            ),
        ]
        ordering = ["dataset", "position"]
