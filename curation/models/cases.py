"""A case: one piece of feedback on its way through review, and what screening found about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, OuterRef, Q, Value

from curation.models.epochs import RegistryEpoch, current_epoch_number
from feedback.models import (
    CAP,
    WORDS,
    BugReport,
    Comment,
    Correction,
    CountedQuerySet,
    LastQuestion,
    Subject,
    TasteNote,
)
from feedback.models import KINDS as TABLES

KINDS = ("correction", "bug_report", "taste_note", "comment")


class CaseQuerySet(CountedQuerySet):
    def of_kind(self, kind: str | None) -> Self:
        """Cases about one table of feedback; all of them for None."""
        return self if kind is None else self.filter(**{f"{kind}__isnull": False})

    def waiting(self) -> Self:
        """Not screened yet, so neither claimable nor trainable."""
        return self.filter(state="waiting")

    def reviewable(self) -> Self:
        """Open and screened under the current epoch."""
        return self.filter(state="open", screened_epoch=current_epoch_number())

    def stale(self) -> Self:
        """Open or accepted, but screened under an epoch that is no longer the current one."""
        trains = Q(state="open") | Q(state="decided", verdict="accepted")
        return self.filter(trains).exclude(screened_epoch=current_epoch_number())

    def claimable_by(self, user: User, now: datetime) -> Self:
        """Reviewable, and nobody else holds it."""
        free = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=now)
        return self.reviewable().filter(free | Q(leased_by=user))

    def asking(self, words: str) -> Self:
        """Whose question holds these words, in this order and any case; among the first 10,000 that wait.

        All of them without words.
        """
        if not words:
            return self
        first = type(self)(self.model).reviewable().order_by("id").values("pk")[:CAP]
        matches = Q()
        for kind in KINDS:
            matches |= Q(**{f"{kind}__interaction__prompt__icontains": words})
        return self.filter(matches, pk__in=first)

    def held_by(self, user: User, now: datetime) -> Self:
        return self.filter(leased_by=user, lease_expires_at__gt=now)

    def with_feedback(self) -> Self:
        """With what a page or a check needs of the feedback: one query for each kind that there is, none per case.

        Not one join of all kinds: PostgreSQL takes ten times as long to plan it as to run it.
        """
        return self._with({kind: TABLES[kind]._default_manager.select_related("interaction__source") for kind in KINDS})

    def with_questions(self) -> Self:
        """For a list, which shows of a conversation what was asked last: each piece of feedback has `question`."""
        unread = [f"interaction__{column}" for column in WORDS]
        asked = {"question": LastQuestion("interaction__")}
        rows = {kind: TABLES[kind]._default_manager.select_related("interaction__source") for kind in KINDS}
        return self._with({kind: query.defer(*unread).annotate(**asked) for kind, query in rows.items()})

    def _with(self, rows: Mapping[str, models.QuerySet[Any]]) -> Self:
        return self.select_related("subject").prefetch_related(*(models.Prefetch(*row) for row in rows.items()))

    def decided_by_last(self, user: User, count: int) -> Self:
        """The newest `count` verdicts of an account, newest first."""
        return self.filter(decided_by=user, state="decided").order_by("-decided_at", "-id")[:count]


def covered(case: str, check: F | Value) -> models.Func:
    """Whether an override that a lead confirmed covers what a check found; PostgreSQL decides."""
    return models.Func(F(case), check, function="curation_covered", output_field=models.BooleanField())


def found(check: F, evidence: Any) -> models.Func:
    """What a check found, each by name; PostgreSQL says what counts as the same."""
    output = ArrayField(models.TextField(), null=True)
    return models.Func(check, evidence, function="curation_found", output_field=output)


class BlockerQuerySet(models.QuerySet):
    def with_found(self) -> Self:
        """Annotated with all that each found, as an override of it covers it; None where nobody may override it."""
        return self.annotate(found=found(F("check_name"), F("evidence")))

    def with_policy(self) -> Self:
        """Annotated with the policy of the epoch that the case was screened under: its version and its values."""
        epoch = RegistryEpoch.objects.filter(pk=OuterRef("case__screened_epoch"))
        return self.annotate(
            policy_version=models.Subquery(epoch.values("policy")),
            policy_values=models.Subquery(epoch.values("policy__values")),
        )

    def stopping(self) -> Self:
        """Those that forbid training: no override that a lead confirmed covers them."""
        return self.filter(blocking=True).exclude(covered("case_id", F("check_name")))


class Case(models.Model):
    """One piece of feedback on its way through review. Exactly one of the four feedback columns is set."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for screening"
        OPEN = "open", "Open"
        DECIDED = "decided", "Decided"

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", "Accepted as training pair"
        TASTE = "taste", "Retyped as taste"
        BUG = "bug", "Retyped as bug"
        REJECTED = "rejected", "Rejected"

    id = models.BigAutoField(primary_key=True)
    correction = models.OneToOneField(Correction, null=True, on_delete=models.PROTECT, related_name="case")
    bug_report = models.OneToOneField(BugReport, null=True, on_delete=models.PROTECT, related_name="case")
    taste_note = models.OneToOneField(TasteNote, null=True, on_delete=models.PROTECT, related_name="case")
    comment = models.OneToOneField(Comment, null=True, on_delete=models.PROTECT, related_name="case")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="cases")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    opened_at = models.DateTimeField(auto_now_add=True)
    screened_at = models.DateTimeField(null=True)
    screened_epoch = models.PositiveIntegerField(null=True)
    text_hash = models.CharField(
        max_length=64, blank=True, help_text="Strong-normalised prompt and answer: finds duplicates."
    )
    leased_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="leased_cases"
    )
    lease_expires_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True, help_text="When the holder of the lease first got it.")
    verdict = models.CharField(max_length=8, choices=Verdict, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="decided_cases"
    )
    decided_at = models.DateTimeField(null=True)
    lead_seconds = models.FloatField(null=True, help_text="From claim to verdict.")

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="case_is_about_exactly_one_feedback",
                condition=(
                    Q(correction__isnull=False, bug_report__isnull=True, taste_note__isnull=True, comment__isnull=True)
                    | Q(
                        correction__isnull=True, bug_report__isnull=False, taste_note__isnull=True, comment__isnull=True
                    )
                    | Q(
                        correction__isnull=True, bug_report__isnull=True, taste_note__isnull=False, comment__isnull=True
                    )
                    | Q(
                        correction__isnull=True, bug_report__isnull=True, taste_note__isnull=True, comment__isnull=False
                    )
                ),
            ),
            models.CheckConstraint(
                name="only_a_correction_is_accepted", condition=~Q(verdict="accepted") | Q(correction__isnull=False)
            ),
            models.CheckConstraint(name="decided_case_has_a_verdict", condition=Q(state="decided") ^ Q(verdict="")),
            models.CheckConstraint(
                name="open_case_is_screened", condition=~Q(state="open") | Q(screened_epoch__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="open"), name="case_open_queue"),
            models.Index(fields=["id"], condition=Q(state="waiting"), name="case_waiting_queue"),
            models.Index(fields=["screened_epoch", "id"], condition=Q(state="open"), name="case_open_by_epoch"),
            models.Index(fields=["decided_by", "-decided_at"], name="case_recent_verdicts"),
            models.Index(fields=["text_hash"], condition=~Q(text_hash=""), name="case_duplicates"),
        ]

    @property
    def kind(self) -> str:
        """The table of the feedback this case is about: correction, bug_report, taste_note or comment."""
        return next(kind for kind in KINDS if getattr(self, f"{kind}_id") is not None)

    @property
    def feedback(self) -> Correction | BugReport | TasteNote | Comment:
        """The feedback itself (a query unless it was joined)."""
        given_feedback: Correction | BugReport | TasteNote | Comment = getattr(self, self.kind)
        return given_feedback

    @property
    def blocked(self) -> bool:
        """Whether any check forbids this case to train; uses prefetched findings."""
        return any(finding.blocking for finding in self.findings.all())


class Blocker(models.Model):
    """A reason why a case may not train, with its measure against the limit. Found by screening, never by hand."""

    class Check(models.TextChoices):
        CONSENT = "consent", "Consent"
        ENVIRONMENT = "environment", "Environment"
        PERSONAL_DATA = "personal_data", "Personal data"
        SECRET = "secret", "Secrets"
        OVERLAP = "overlap", "Held-out overlap"
        DUPLICATE = "duplicate", "Duplicate"
        OTHER_ANSWER = "other_answer", "Another answer"
        AUTHOR_SHARE = "author_share", "Author's share"
        COMMENTARY = "commentary", "Reads like commentary"
        TEACHES_NOTHING = "teaches_nothing", "Teaches nothing"
        LENGTH = "length", "Length"
        REFERENCE = "reference", "Images, sounds, files"
        UNKNOWN_TOOL = "unknown_tool", "Calls what is not offered"
        KIND = "kind", "Kind"

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="findings")
    check_name = models.CharField(max_length=16, choices=Check)
    blocking = models.BooleanField(help_text="False: measured and passed, shown with its meter.")
    score = models.FloatField(null=True)
    limit = models.FloatField(null=True)
    message = models.CharField(max_length=300, blank=True)
    evidence = models.JSONField(
        default=dict, help_text="Method, opaque item id, benchmark name, spans of the row itself."
    )

    objects = BlockerQuerySet.as_manager()

    # Annotations of `with_found` and `with_policy`.
    found: list[str] | None
    policy_version: int | None
    policy_values: dict[str, Any] | None

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "check_name"], name="one_finding_a_check")]
        indexes = [
            models.Index(
                fields=["case"], condition=Q(check_name="overlap") & Q(blocking=True), name="blocker_overlapping"
            )
        ]
