"""Read-only: `training.actions` owns every write."""

from django.contrib import admin

from cftapp.base.back_office import ReadOnly
from training.models import Run


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("id", "state", "dataset_id", "seed", "step", "total_steps", "attempt", "queued_at", "ended_at")
    list_filter = ("state",)
