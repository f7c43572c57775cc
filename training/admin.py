from django.contrib import admin
from django.http import HttpRequest

from training.models import Run


@admin.register(Run)
class RunAdmin(admin.ModelAdmin):
    """Read-only: `training.actions` owns every write."""

    list_display = ("id", "state", "dataset_id", "seed", "step", "total_steps", "attempt", "queued_at", "ended_at")
    list_filter = ("state",)
    list_select_related = False
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False
