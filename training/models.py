"""How a model learns it: a run is one row, and the row is the job."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from cftapp.base.jobs import Job
from curation.models import Dataset


class Run(Job):
    """Dataset + recipe + base model + seed. Its manifest says everything that decides the adapter's bytes."""

    id = models.BigAutoField(primary_key=True)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    recipe = models.JSONField()
    base_model = models.CharField(max_length=300)
    base_sha256 = models.CharField(max_length=64)
    seed = models.PositiveIntegerField(default=0)
    folder = models.UUIDField(default=uuid.uuid4, unique=True, help_text="Run folder below CFT_VAR/runs.")
    manifest = models.JSONField(null=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    adapter_sha256 = models.CharField(max_length=64, blank=True)
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True)
    vault_refusal = models.TextField(blank=True, help_text="PostgreSQL's words when this run tried to open the vault.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    learnt_from_withdrawn_at = models.DateTimeField(null=True)
    contamination = models.JSONField(null=True, help_text="What its dataset's says.")

    class Meta:
        indexes = [models.Index(fields=["id"], condition=Q(state__in=["queued", "running"]), name="run_waiting")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="finished") | ~Q(adapter_sha256=""), name="finished_run_has_an_adapter"
            ),
            models.CheckConstraint(
                condition=~Q(state="finished") | ~Q(vault_refusal=""),
                name="finished_run_was_refused_by_the_vault",
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | ~Q(lease_owner="") & Q(lease_expires_at__isnull=False),
                name="running_run_has_a_lease",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_run_says_why"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"
