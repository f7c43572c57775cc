"""Read-only: the `actions` of each package own every write."""

from django.contrib import admin

from cftapp.base.back_office import ReadOnly
from curation.models import Case, Dataset, Override, Pair, RegistryEpoch, ReplayRow


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


@admin.register(Override)
class OverrideAdmin(ReadOnly):
    list_display = ("id", "case", "check_name", "state", "requested_by", "requested_at", "settled_by", "settled_at")
    list_filter = ("state", "check_name")
