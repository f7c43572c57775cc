"""What an exam that grew reaches: datasets frozen before with rows that are its items now, and what learnt them."""

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
"""rows, benchmarks (name and version → rows), epoch, found_at: what a dataset, and all that learnt it, says."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the findings of today say about one dataset."""

    rows: int
    benchmarks: Mapping[str, int]
    pairs: list[str]


@dataclass(frozen=True, slots=True)
class Spread:
    """Rows that do not bear the mark yet, or bear one that does not hold any more."""

    dataset: int
    mark: Mark | None
    pairs: list[str] = field(default_factory=list)
    datasets: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    gates: list[int] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.datasets) + len(self.runs) + len(self.gates) + len(self.releases)


def found_now() -> dict[int, Found]:
    """Dataset → the rows of it that are an exam's items. The curator sees numbers, not findings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT dataset_id, row_count, benchmarks::text, pairs::text[] FROM curation_contamination()")
        return {row[0]: Found(row[1], json.loads(row[2]), row[3] or []) for row in cursor.fetchall()}


def to_look_at(found: Mapping[int, Found]) -> list[int]:
    """Datasets with such rows, and those that still bear a mark."""
    marked = Dataset.objects.filter(contamination__isnull=False).values_list("pk", flat=True)
    return sorted({*found, *marked})


def spread_of(dataset: Dataset, found: Found | None) -> Spread:
    """Where the mark of a (locked) dataset has to be written or taken off."""
    mark = mark_of(dataset.contamination, found)
    runs = Run.objects.filter(dataset=dataset)
    adapters = runs.exclude(adapter_sha256="").values("adapter_sha256")
    gates = Gate.objects.filter(Q(run__in=runs) | Q(run__adapter_sha256__in=adapters))
    releases = Release.objects.filter(Q(run__in=runs) | Q(model_sha256__in=adapters))
    return Spread(
        dataset=dataset.pk,
        mark=mark,
        pairs=found.pairs if found else [],
        datasets=[] if dataset.contamination == mark else [dataset.pk],
        runs=without(runs, mark),
        gates=without(gates, mark),
        releases=without(releases, mark),
    )


def mark_of(known: Mark | None, found: Found | None) -> Mark | None:
    """The mark for what was found: the known one, with its time, while rows and exams are the same."""
    if found is None:
        return None
    told = {"rows": found.rows, "benchmarks": dict(found.benchmarks)}
    if known and told.items() <= known.items():
        return known
    epoch = RegistryEpoch.objects.current()
    return {**told, "epoch": epoch.number if epoch else 0, "found_at": timezone.now().isoformat(timespec="seconds")}


def without(rows: "QuerySet[Any]", mark: Mark | None) -> list[int]:
    """Ids of the rows that say something else than this."""
    unlike = Q(contamination__isnull=False) if mark is None else Q(contamination__isnull=True) | ~Q(contamination=mark)
    return list(rows.filter(unlike).order_by("pk").values_list("pk", flat=True))


def places(spread: Spread) -> dict[str, tuple[type[Model], list[int]]]:
    """Kind, as the log calls it → model and ids to write."""
    return {
        "dataset": (Dataset, spread.datasets),
        "run": (Run, spread.runs),
        "gate": (Gate, spread.gates),
        "release": (Release, spread.releases),
    }
