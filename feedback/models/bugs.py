"""The bug list: what is to be mended, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.db.models.functions import Now

from feedback.models.base import CountedQuerySet
from feedback.models.interactions import WORDS
from feedback.models.kinds import KINDS, BugReport, Comment, Correction, Feedback, TasteNote
from feedback.models.last_question import LastQuestion
from feedback.models.receipts import Receipt


class BugQuerySet(CountedQuerySet["Bug"]):
    def in_state(self, state: str) -> Self:
        """Those in this state, newest first; in any for an unknown one, without what a reviewer called no bug."""
        newest = self.order_by("-pk")
        return newest.filter(state=state) if state in Bug.State.values else newest.exclude(state=Bug.State.DROPPED)

    def with_origin(self) -> Self:
        """For a list, which shows of a conversation what was asked last: `question`."""
        joined = self.select_related("receipt__interaction__source", "receipt__interaction__subject")
        asked = joined.annotate(question=LastQuestion("receipt__interaction__"))
        return asked.defer(*(f"receipt__interaction__{column}" for column in WORDS))


class Bug(models.Model):
    """A bug report, or feedback that a reviewer calls a bug. Its words stay where they were given.

    PostgreSQL puts every bug report of the training lane on the list (`bug_report_is_on_the_list.sql`).
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        TAKEN = "taken", "In work"
        FIXED = "fixed", "Fixed"
        DECLINED = "declined", "Not to be fixed"
        DROPPED = "dropped", "No bug"

    id = models.BigAutoField(primary_key=True)
    receipt = models.OneToOneField(Receipt, on_delete=models.PROTECT, related_name="bug")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN, db_default=State.OPEN)
    note = models.CharField(max_length=500, blank=True, db_default="", help_text="What mended it, or why it stays.")
    opened_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(null=True)

    objects = BugQuerySet.as_manager()
    feedback: Feedback  # by `with_words`

    class Meta:
        indexes = [models.Index(fields=["state", "-id"], name="bug_by_state")]

    def __str__(self) -> str:
        return f"bug {self.pk}"

    @property
    def words(self) -> str:
        """What the person wrote, in one text; empty once it is erased."""
        given = self.feedback
        if isinstance(given, BugReport):
            return given.what_happened
        if isinstance(given, TasteNote):
            return given.preference
        if isinstance(given, Correction):
            return given.replacement
        assert isinstance(given, Comment)
        return " · ".join(filter(None, (given.rating, given.text)))


def with_words(bugs: Iterable[Bug]) -> list[Bug]:
    """The same bugs with the feedback that they are about: a query for each kind among them."""
    listed = list(bugs)
    by_id: dict[object, Feedback] = {}
    for kind in {bug.receipt.kind for bug in listed}:
        by_id |= KINDS[kind]._default_manager.in_bulk([bug.receipt_id for bug in listed if bug.receipt.kind == kind])
    for bug in listed:
        bug.feedback = by_id[bug.receipt_id]
    return listed
