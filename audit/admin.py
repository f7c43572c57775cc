"""Read-only: the log is appended to by actions and read on its own pages."""

from django.contrib import admin

from audit.models import Checkpoint
from cftapp.base.back_office import ReadOnly


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = ("tree_size", "signed_at", "key_id")
    ordering = ("-tree_size",)
