"""Read-only: `curation.actions` owns every write."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from curation.models import Case, Dataset, Pair, RegistryEpoch, ReplayRow


class ReadOnly(admin.ModelAdmin):
    list_select_related = False
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Case)
class CaseAdmin(ReadOnly):
    list_display = ("id", "state", "verdict", "screened_epoch", "opened_at", "decided_at")
    list_filter = ("state", "verdict")


@admin.register(Pair)
class PairAdmin(ReadOnly):
    list_display = ("id", "state", "screened_epoch", "accepted_at")
    list_filter = ("state",)


@admin.register(ReplayRow)
class ReplayRowAdmin(ReadOnly):
    list_display = ("id", "skill", "is_refusal", "screened_epoch", "overlaps")
    list_filter = ("skill", "is_refusal", "overlaps")


@admin.register(Dataset)
class DatasetAdmin(ReadOnly):
    list_display = ("id", "name", "pair_count", "replay_count", "epoch", "frozen_at", "learnt_from_withdrawn_at")


@admin.register(RegistryEpoch)
class RegistryEpochAdmin(ReadOnly):
    list_display = ("number", "items", "unprotected_items", "normaliser", "adopted_at")
