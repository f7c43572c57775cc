"""Benchmarks and gates over REST, read-only: hashes, counts and verdicts, never an item."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets

from evaluation.models import Benchmark, BenchmarkVersion, Gate, GateResult, Waiver


class VersionSerializer(serializers.ModelSerializer):
    class Meta:
        model = BenchmarkVersion
        fields = (
            *("id", "number", "items", "sha256", "scorer", "margin", "published_at"),
            *("rows_compared", "rows_blocked", "rows_of_template"),
        )
        read_only_fields = fields


class BenchmarkSerializer(serializers.ModelSerializer):
    versions = VersionSerializer(many=True, read_only=True)

    class Meta:
        model = Benchmark
        fields = ("id", "name", "title", "kind", "versions")
        read_only_fields = fields


class ResultSerializer(serializers.ModelSerializer):
    benchmark = serializers.CharField(source="version.benchmark.name", read_only=True)
    number = serializers.IntegerField(source="version.number", read_only=True)

    class Meta:
        model = GateResult
        fields = (
            "benchmark",
            "number",
            "opponent",
            "items",
            "candidate_correct",
            "opponent_correct",
            "only_opponent_correct",
            "only_candidate_correct",
            "estimate",
            "lower",
            "upper",
            "margin",
            "verdict",
            "detail",
        )
        read_only_fields = fields


class WaiverSerializer(serializers.ModelSerializer):
    class Meta:
        model = Waiver
        fields = ("reason", "requested_by", "requested_at", "confirmed_by", "confirmed_at")
        read_only_fields = fields


class GateSerializer(serializers.ModelSerializer):
    results = ResultSerializer(many=True, read_only=True)
    waiver = WaiverSerializer(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Gate
        fields = (
            "id",
            "run",
            "champion_run",
            "anchor_run",
            "versions",
            "state",
            "verdict",
            "answers",
            "total_answers",
            "error",
            "queued_at",
            "started_at",
            "ended_at",
            "results",
            "waiver",
        )
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="All benchmarks: hashes and counts, never an item"),
    retrieve=extend_schema(summary="One benchmark with its versions"),
)
class BenchmarkViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Benchmark.objects.prefetch_related("versions")
    serializer_class = BenchmarkSerializer


@extend_schema_view(
    list=extend_schema(summary="All gates with their verdicts"),
    retrieve=extend_schema(summary="One gate: every benchmark's result and interval"),
)
class GateViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Gate.objects.select_related("waiver").prefetch_related("versions", "results__version__benchmark")
    serializer_class = GateSerializer
