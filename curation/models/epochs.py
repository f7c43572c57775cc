"""What every row is screened under: epochs of the registry, policies, and how labelled texts score."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models


class EpochQuerySet(models.QuerySet):
    def newest(self) -> Self:
        return self.order_by("-number")[:1]

    def current(self) -> RegistryEpoch | None:
        """The epoch that every row must be screened under to train; None until a benchmark is published."""
        return self.order_by("-number").first()  # type: ignore[return-value]


def current_epoch_number() -> models.QuerySet[Any, Any]:
    """The current epoch's number, for use inside another query."""
    return RegistryEpoch.objects.newest().values("number")


class ScreeningPolicy(models.Model):
    """A saved set of thresholds (`overlap.Policy`), in force once the evaluator has adopted it as an epoch.

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
