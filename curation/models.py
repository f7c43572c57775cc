"""What may be learned: cases under review, pairs, and the datasets frozen from them."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from curation.asked import Inquiry as Inquiry
from curation.asked import InquiryAlert as InquiryAlert
from curation.asked import InquirySketch as InquirySketch
from curation.asked import ReverseCheck as ReverseCheck
from curation.asked import ReverseMatch as ReverseMatch
from curation.batches import BatchPart as BatchPart
from curation.batches import BatchScreening as BatchScreening
from curation.querysets import (
    BlockerQuerySet,
    CaseQuerySet,
    DatasetRowQuerySet,
    EpochQuerySet,
    OverrideQuerySet,
    PairQuerySet,
    ReplayRowQuerySet,
)
from curation.twins import Duplicate as Duplicate
from curation.twins import Signature as Signature
from feedback.models import BugReport, Comment, Correction, Subject, TasteNote

KINDS = ("correction", "bug_report", "taste_note", "comment")


class ScreeningPolicy(models.Model):
    """A saved set of thresholds (`curation.overlap.Policy`), in force once the evaluator has adopted it as an epoch.

    Versions count up from 1 and never change: a trigger refuses a gap, a rewrite and a deletion. Version 0, in force
    until the first is adopted, is the built-in policy and has no row.
    """

    version = models.PositiveIntegerField(primary_key=True)
    values = models.JSONField(help_text="Every threshold by its name.")
    note = models.CharField(max_length=300, help_text="Why it was saved.")
    measured = models.JSONField(default=dict, help_text="What it found of the labelled set when it was saved.")
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="screening_policies")
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]


class RegistryEpoch(models.Model):
    """What every row is screened under: a published registry snapshot and a policy.

    Of the snapshot only number and hash are here; its content is in the vault, for the screener alone. Epochs and
    snapshots count in one sequence, but a policy makes an epoch without a new snapshot.
    """

    number = models.PositiveIntegerField(primary_key=True)
    snapshot_number = models.PositiveIntegerField(blank=True, help_text="The snapshot's number in the vault.")
    policy = models.ForeignKey(
        ScreeningPolicy,
        null=True,
        on_delete=models.PROTECT,
        db_column="policy_version",
        db_index=False,
        related_name="epochs",
        help_text="Empty: the built-in policy.",
    )
    sha256 = models.CharField(max_length=64)
    items = models.PositiveIntegerField()
    unprotected_items = models.PositiveIntegerField(default=0, help_text="Items without usable n-grams.")
    normaliser = models.CharField(max_length=40)
    comparable_since = models.PositiveIntegerField(
        null=True, help_text="Oldest epoch that measured as this one does. Empty: none before it did."
    )
    adopted_at = models.DateTimeField(auto_now_add=True)

    objects = EpochQuerySet.as_manager()

    @property
    def policy_version(self) -> int:
        """The policy's version; 0 for the built-in one."""
        return self.policy_id or 0

    def save(self, *args: Any, **kwargs: Any) -> None:
        """An epoch without the number of another snapshot is that of its own."""
        if self.snapshot_number is None:
            self.snapshot_number = self.number
        super().save(*args, **kwargs)


class LabelledScores(models.Model):
    """How leaks made of protected items, and texts that are none, score against one snapshot: numbers, never text.

    The evaluator makes and scores them after a publication; thresholds are tuned on them. `columns` holds a list for
    each measure of `Overlap.scores`, and `right` (1: the item found is the one that was leaked) and `reporting` (0: of
    the half to tune on, 1: of the half to report on).
    """

    snapshot_number = models.PositiveIntegerField()
    part = models.PositiveSmallIntegerField(help_text="Which share of the sample, from 0.")
    form = models.CharField(max_length=60, help_text="The form of leak, or the set of texts that are none.")
    is_leak = models.BooleanField()
    rows = models.PositiveIntegerField()
    columns = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot_number", "part", "form"], name="labelled_scores_once"),
        ]


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
        found: Correction | BugReport | TasteNote | Comment = getattr(self, self.kind)
        return found

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

    # Annotations of `with_substance` and `with_policy`.
    substance: str | None
    policy_version: int | None
    policy_values: dict[str, Any] | None

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "check_name"], name="one_finding_a_check")]


class Override(models.Model):
    """Two people take responsibility for a case that one check forbids: a reviewer asks, a lead confirms.

    It covers one finding, by its substance, which PostgreSQL reads from the finding itself: another item, another
    method or another check is another finding, and blocks again. What it says of the finding is what people saw.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Waiting for a lead"
        CONFIRMED = "confirmed", "Confirmed"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="overrides")
    check_name = models.CharField(max_length=16, choices=Blocker.Check)
    substance = models.CharField(max_length=300, editable=False, help_text="What it covers; set by PostgreSQL.")
    finding = models.JSONField(default=dict, editable=False, help_text="Score, limit, message, evidence as they were.")
    epoch = models.PositiveIntegerField(null=True, editable=False)
    reason = models.TextField()
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True, help_text="What the lead said.")

    objects = OverrideQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "check_name", "substance"],
                condition=Q(state__in=["requested", "confirmed"]),
                name="one_override_a_finding",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", settled_by__isnull=True, settled_at__isnull=True)
                | (~Q(state="requested") & Q(settled_by__isnull=False, settled_at__isnull=False)),
                name="settled_override_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "declined"]) | ~Q(settled_by=models.F("requested_by")),
                name="override_needs_two_people",
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="override_has_a_reason"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="requested"), name="override_waiting")]


class Pair(models.Model):
    """A lesson: only a Correction can become one, because the foreign key says so."""

    class State(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        UNDONE = "undone", "Undone"
        WITHDRAWN = "withdrawn", "Consent withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    correction = models.OneToOneField(Correction, on_delete=models.PROTECT, related_name="pair")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="pairs")
    prompt = models.TextField()
    chosen = models.TextField()
    rejected = models.TextField(blank=True)
    row_hash = models.CharField(max_length=64)
    screened_epoch = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.ACCEPTED)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="accepted_pairs")
    accepted_at = models.DateTimeField(default=timezone.now)

    objects = PairQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["-accepted_at"], condition=Q(state="accepted"), name="pair_trainable")]


class ReplayRow(models.Model):
    """A row of what the base model already knows, mixed into training against forgetting."""

    id = models.BigAutoField(primary_key=True)
    skill = models.CharField(max_length=40)
    is_refusal = models.BooleanField(default=False)
    prompt = models.TextField()
    answer = models.TextField()
    row_hash = models.CharField(max_length=64, unique=True)
    screened_epoch = models.PositiveIntegerField(null=True)
    overlaps = models.BooleanField(default=False)
    overlaps_with = models.CharField(
        max_length=80, blank=True, db_default="", help_text="Name and version of the exam."
    )

    objects = ReplayRowQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["screened_epoch", "id"])]


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
