"""The kinds of feedback, each a table: bug, taste, correction, and the comment of no kind yet."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.auth.models import User
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from cftapp.base.refusal import Blocked
from conversation import Message, answer_of
from feedback.models.base import CountedQuerySet, consent_in_force
from feedback.models.interactions import Interaction


class FeedbackQuerySet(CountedQuerySet["Feedback"]):
    def consented(self) -> Self:
        return self.filter(consent_in_force("interaction__subject_id"))

    def caseless(self) -> Self:
        """No case was opened for it yet."""
        return self.filter(case__isnull=True)


class Feedback(models.Model):
    """What the kinds share. The kind is the table: there is no column to get wrong, and none to flip later."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    interaction = models.ForeignKey(Interaction, on_delete=models.PROTECT, related_name="%(class)ss")
    note = models.TextField(blank=True, help_text="Never trained on, whatever it contains.")
    created_at = models.DateTimeField(auto_now_add=True)
    filed_by = models.ForeignKey(
        User,
        null=True,
        editable=False,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The account that filed it, where one did: it may not accept it.",
    )

    consent_note: Blocked | None = None
    """Set by the submission whose ticked box counts for nothing: why."""

    class Meta:
        abstract = True
        # Rows come in the order of their time: a few bytes a hundred pages find what is new.
        indexes = [BrinIndex(fields=["created_at"], name="%(class)s_by_time")]

    objects = FeedbackQuerySet.as_manager()


class BugReport(Feedback):
    """Something broke. Stands on the bug list, from the moment it is there; never trained on."""

    what_happened = models.TextField()
    expected = models.TextField(blank=True)


class TasteNote(Feedback):
    """The answer is not wrong; the person would word it differently. Never counted as an error."""

    class Aspect(models.TextChoices):
        WORDING = "wording", "Wording"
        LENGTH = "length", "Length"
        TONE = "tone", "Tone"
        FORMAT = "format", "Format"
        OTHER = "other", "Other"

    preference = models.TextField()
    aspect = models.CharField(max_length=10, choices=Aspect, default=Aspect.WORDING)


class Correction(Feedback):
    """The answer is wrong and the person gives the right one: the only kind with a replacement."""

    class Reason(models.TextChoices):
        WRONG_FACT = "wrong_fact", "Wrong fact"
        OUTDATED = "outdated", "Outdated"
        INCOMPLETE = "incomplete", "Incomplete"
        UNSAFE = "unsafe", "Unsafe"
        SHOULD_REFUSE = "should_refuse", "Should have refused"
        OTHER = "other", "Other"

    replacement = models.TextField(help_text="As it reads.")
    replacement_message = models.TextField(
        blank=True, default="", db_default="", help_text="JSON. Empty: the replacement is a text."
    )
    reason = models.CharField(max_length=14, choices=Reason, default=Reason.WRONG_FACT)

    @property
    def right_answer(self) -> Message:
        """The replacement as a message."""
        return answer_of(self.replacement, self.replacement_message)


class Comment(Feedback):
    """Untyped feedback, from an import or an old thumbs widget: a rating, perhaps words. A reviewer gives it a kind."""

    rating = models.CharField(max_length=40, blank=True)
    text = models.TextField(blank=True)


KINDS: dict[str, type[Feedback]] = {
    "bug_report": BugReport,
    "taste_note": TasteNote,
    "correction": Correction,
    "comment": Comment,
}
