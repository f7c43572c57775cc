"""Back office, read-only: the log is appended to by actions and read on its own pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audit.models import Checkpoint


@admin.register(Checkpoint)
class CheckpointAdmin(admin.ModelAdmin):
    list_display = ["tree_size", "signed_at", "key_id"]
    ordering = ["-tree_size"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
