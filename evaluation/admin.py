"""Read-only: the `actions` of each package own every write. The vault has no back office."""

from django.contrib import admin

from cftapp.base.back_office import ReadOnly
from evaluation.models import Benchmark, BenchmarkVersion, Gate, GateResult, Proposal, Waiver


@admin.register(Benchmark)
class BenchmarkAdmin(ReadOnly):
    list_display = ("name", "title", "kind", "created_at")
    list_filter = ("kind",)


@admin.register(BenchmarkVersion)
class BenchmarkVersionAdmin(ReadOnly):
    list_display = ("id", "benchmark_id", "number", "items", "scorer", "margin", "published_at")


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ("id", "name", "kind", "items", "state", "proposed_at", "settled_at")
    list_filter = ("state",)


@admin.register(Gate)
class GateAdmin(ReadOnly):
    list_display = ("id", "run_id", "state", "verdict", "attempt", "queued_at", "ended_at")
    list_filter = ("state", "verdict")


@admin.register(GateResult)
class GateResultAdmin(ReadOnly):
    list_display = ("id", "gate_id", "version_id", "opponent", "items", "estimate", "lower", "upper", "verdict")
    list_filter = ("verdict",)


@admin.register(Waiver)
class WaiverAdmin(ReadOnly):
    list_display = ("id", "gate_id", "requested_by_id", "confirmed_by_id", "confirmed_at")
