"""Contamination of frozen datasets: rows that became items of an exam later, and the models that learnt them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from curation.models import Dataset, RegistryEpoch
from evaluation.models import Gate
from serving.models import Release
from training.models import Run

Mark = dict[str, Any]
"""rows, benchmarks (name and version → rows), epoch, found_at: stored on a dataset and on all that learnt it."""


@dataclass(frozen=True, slots=True)
class Contamination:
    """The rows of a dataset that are items of an exam today: how many, of which benchmarks, and the pairs' ids."""

    rows: int
    benchmarks: Mapping[str, int]
    pairs: list[str]


@dataclass(frozen=True, slots=True)
class MarkUpdate:
    """The ids of rows whose mark is not `mark`: they do not have it yet, or have a mark that no longer holds."""

    dataset: int
    mark: Mark | None
    pairs: list[str] = field(default_factory=list)
    datasets: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    gates: list[int] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.datasets) + len(self.runs) + len(self.gates) + len(self.releases)

    def ids_by_kind(self) -> dict[str, tuple[type[Model], list[int]]]:
        """Model and ids to write, by kind as the log calls it."""
        return {
            "dataset": (Dataset, self.datasets),
            "run": (Run, self.runs),
            "gate": (Gate, self.gates),
            "release": (Release, self.releases),
        }


def current_contamination() -> dict[int, Contamination]:
    """The contaminated datasets, by id. The curator's role reads these numbers, and not the findings behind them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT dataset_id, row_count, benchmarks::text, pairs::text[] FROM curation_contamination()")
        return {
            dataset_id: Contamination(row_count, json.loads(benchmarks), pairs or [])
            for dataset_id, row_count, benchmarks, pairs in cursor.fetchall()
        }


def datasets_to_check(contaminated: Mapping[int, Contamination]) -> list[int]:
    """The ids of contaminated datasets, and of those that still have a mark."""
    marked = Dataset.objects.filter(contamination__isnull=False).values_list("pk", flat=True)
    return sorted({*contaminated, *marked})


def mark_update(dataset: Dataset, contamination: Contamination | None) -> MarkUpdate:
    """Where the mark of a (locked) dataset has to be written or removed."""
    mark = mark_of(dataset.contamination, contamination)
    runs = Run.objects.filter(dataset=dataset)
    adapters = runs.exclude(adapter_sha256="").values("adapter_sha256")
    gates = Gate.objects.filter(Q(run__in=runs) | Q(run__adapter_sha256__in=adapters))
    return MarkUpdate(
        dataset=dataset.pk,
        mark=mark,
        pairs=contamination.pairs if contamination else [],
        datasets=[] if dataset.contamination == mark else [dataset.pk],
        runs=ids_without(runs, mark),
        gates=ids_without(gates, mark),
        releases=ids_without(Release.objects.of_runs(runs), mark),
    )


def mark_of(current: Mark | None, contamination: Contamination | None) -> Mark | None:
    """The mark for a contamination: the current mark, with its time, while rows and benchmarks are the same."""
    if contamination is None:
        return None
    counts = {"rows": contamination.rows, "benchmarks": dict(contamination.benchmarks)}
    if current and counts.items() <= current.items():
        return current
    epoch = RegistryEpoch.objects.current()
    found_at = timezone.now().isoformat(timespec="seconds")
    return {**counts, "epoch": epoch.number if epoch else 0, "found_at": found_at}


def ids_without(rows: "QuerySet[Any]", mark: Mark | None) -> list[int]:
    """Ids of the rows whose mark is another than this."""
    differs = Q(contamination__isnull=False) if mark is None else Q(contamination__isnull=True) | ~Q(contamination=mark)
    return list(rows.filter(differs).order_by("pk").values_list("pk", flat=True))
