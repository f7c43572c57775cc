"""A batch: a file of rows to screen, and its parts, which are the work."""

from collections import Counter
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from cftapp.base.jobs import ABANDONED, QUEUED, Job

RANGE_ROWS = 2_000


class BatchPartQuerySet(models.QuerySet):
    def claimable(self) -> Self:
        """Parts that somebody may work on now: nobody's, or left by a worker whose lease has run out.

        Nothing is merged before every range is done.
        """
        undone = self.model._default_manager.filter(batch=OuterRef("batch"), kind="range").exclude(state="finished")
        alive = Q(batch__state__in=["queued", "running"])
        return self.filter(QUEUED | ABANDONED, alive).exclude(Q(kind="merge") & Exists(undone))

    def ranges(self) -> Self:
        return self.filter(kind="range")

    def finished_ranges(self) -> Self:
        return self.ranges().filter(state="finished")

    def row_count(self) -> int:
        return int(self.aggregate(rows=Coalesce(Sum("rows"), 0))["rows"])

    def blocked_rows(self) -> Counter[str]:
        """Blocked rows by method."""
        total: Counter[str] = Counter()
        for counts in self.values_list("blocked", flat=True):
            total.update(counts)
        return total


class BatchScreening(models.Model):
    """A file of rows to screen under the current epoch. Its parts are the work; workers share them."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    id = models.BigAutoField(primary_key=True)
    input_name = models.CharField(max_length=200, help_text="Below CFT_VAR/batches, as the report is.")
    output_name = models.CharField(max_length=200)
    columns = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), help_text="Columns to read; none: every text."
    )
    left_out = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), help_text="Columns that need not be read."
    )
    range_rows = models.PositiveIntegerField(help_text="Rows that one task screens.")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    input_sha256 = models.CharField(max_length=64, blank=True)
    rows = models.PositiveBigIntegerField(null=True, help_text="Known once the file has been read through.")
    epoch = models.PositiveIntegerField(null=True, help_text="The one epoch of every row of the report.")
    blocked = models.JSONField(default=dict, help_text="Blocked rows by method.")
    unread = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        help_text="In how many rows each column held a text that was not read.",
    )
    report_sha256 = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    queued_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="batches")
    queued_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="finished_batch_has_a_report",
                condition=~Q(state="finished")
                | Q(rows__isnull=False, epoch__isnull=False, ended_at__isnull=False) & ~Q(report_sha256=""),
            ),
            models.CheckConstraint(name="failed_batch_says_why", condition=~Q(state="failed") | ~Q(error="")),
            models.UniqueConstraint(
                fields=["output_name"], condition=Q(state__in=["queued", "running"]), name="one_batch_writes_a_report"
            ),
        ]

    @property
    def ended(self) -> bool:
        return self.state in (self.State.FINISHED, self.State.FAILED)


class BatchPart(Job):
    """A piece of a batch's work: the plan, one range of rows, or the merge."""

    class Kind(models.TextChoices):
        PLAN = "plan", "Count the rows"
        RANGE = "range", "Screen a range"
        MERGE = "merge", "Merge the ranges"

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(BatchScreening, on_delete=models.CASCADE, related_name="parts")
    kind = models.CharField(max_length=5, choices=Kind)
    number = models.PositiveIntegerField(default=0)
    first_row = models.PositiveBigIntegerField(default=0)
    first_line = models.PositiveBigIntegerField(default=0)
    first_byte = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    epoch = models.PositiveIntegerField(null=True)
    blocked = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the file with this range's verdicts.")

    objects = BatchPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "kind", "number"], name="one_part_a_number"),
            models.CheckConstraint(
                name="finished_range_has_verdicts",
                condition=~Q(kind="range", state="finished") | Q(epoch__isnull=False) & ~Q(sha256=""),
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "kind", "number"], condition=~Q(state="finished"), name="batch_parts_to_do")
        ]
        ordering = ["batch", "kind", "number"]

    def __str__(self) -> str:
        return f"part {self.pk} of batch {self.batch_id}"
