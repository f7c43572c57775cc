"""The second database: everything held out. Its tables are reached by the evaluator, and, by grants, nobody else.

The web process inserts into the mailbox and reads nothing; the screener reads registry snapshots and nothing else.
"""

import uuid

from django.db import models
from django.db.models.functions import Now


class MailboxEntry(models.Model):
    """Held-out traffic and feedback on it, as posted. Written with plain SQL by `feedback.mailbox`."""

    class Kind(models.TextChoices):
        INTERACTION = "interaction"
        BUG_REPORT = "bug_report"
        TASTE_NOTE = "taste_note"
        CORRECTION = "correction"
        COMMENT = "comment"
        PROPOSED_ITEM = "proposed_item"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=13, choices=Kind)
    object_id = models.UUIDField(unique=True, help_text="The id that was answered to the poster.")
    interaction_id = models.UUIDField(null=True)
    subject_id = models.UUIDField(null=True)
    content = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True, db_default=Now())


class Item(models.Model):
    """One exam question of one benchmark version, which is named by its content: `version_sha256`.

    A place in a version is taken once, so writing the same version again writes nothing, and a version that was written
    here but never published is simply not referenced. The id is random: evidence shows it outside the vault, where an
    id made from the item's words would let anybody who guesses them check the guess.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    benchmark = models.SlugField(max_length=60)
    version_sha256 = models.CharField(max_length=64)
    position = models.PositiveIntegerField()
    question = models.TextField()
    answer = models.TextField(blank=True)
    category = models.CharField(max_length=60, blank=True)
    conversation = models.TextField(
        blank=True, default="", db_default="", help_text="JSON. Empty: the question is all, one of a user."
    )
    answer_message = models.TextField(
        blank=True, default="", db_default="", help_text="JSON. Empty: the answer is a text."
    )
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "version_sha256", "position"], name="item_position_once")
        ]


class ReferenceText(models.Model):
    """Clean text that is no exam: from it the registry learns which n-grams are common, never from items."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    text = models.TextField()
    added_at = models.DateTimeField(auto_now_add=True)


class RegistrySnapshot(models.Model):
    """Keyed fingerprints of all published items: bytes for the screener to map, no text."""

    number = models.PositiveIntegerField(primary_key=True)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)


class Offer(models.Model):
    """A throw-away registry of items that may be published: for the screener to compare stored rows with. Its id is
    that of the check (`curation.ReverseCheck`); it is removed once the upload is settled.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    offered_at = models.DateTimeField(auto_now_add=True)


class ItemScore(models.Model):
    """What one model answered to one item, kept with the exam so that gates can be read again."""

    id = models.BigAutoField(primary_key=True)
    model_sha256 = models.CharField(max_length=64, help_text="Base model, adapter and decoding limits that answered.")
    item = models.ForeignKey(Item, on_delete=models.PROTECT)
    output = models.TextField()
    correct = models.BooleanField()
    scored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model_sha256", "item"], name="one_score_a_model_and_item")]
