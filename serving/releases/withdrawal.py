"""The effect of a withdrawn consent: the pairs of the subject, and every dataset, run and release that holds them."""

import uuid
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, Subquery

from curation.models import Dataset, DatasetRow, Pair
from feedback.models import ConsentEntry, Subject
from serving.models import Release
from training.models import Run

SubjectId = uuid.UUID | str


@dataclass(frozen=True, slots=True)
class UnmarkedRows:
    """Ids of the rows that a withdrawal concerns and that are not marked yet."""

    pairs: list[str]
    datasets: list[int]
    runs: list[int]
    releases: list[int]

    def __len__(self) -> int:
        return len(self.pairs) + len(self.datasets) + len(self.runs) + len(self.releases)


def withdrawal_in_force(subject_id: SubjectId) -> ConsentEntry | None:
    """The newest entry of the subject's ledger, if it is a withdrawal."""
    newest = ConsentEntry.objects.newest_of(subject_id)
    return newest if newest and newest.decision == ConsentEntry.Decision.WITHDRAWN else None


def unmarked_rows(subject_id: SubjectId) -> UnmarkedRows:
    """The rows that learnt from this subject and are not marked; its pairs are locked."""
    datasets = Dataset.objects.filter(
        Exists(DatasetRow.objects.filter(dataset=OuterRef("pk"), pair__subject_id=subject_id))
    )
    runs = Run.objects.filter(dataset__in=datasets)
    pairs = Pair.objects.filter(subject_id=subject_id, state=Pair.State.ACCEPTED)
    unmarked = Q(learnt_from_withdrawn_at__isnull=True)
    return UnmarkedRows(
        pairs=[str(pk) for pk in pairs.locked().values_list("pk", flat=True)],
        datasets=list(datasets.filter(unmarked).order_by("pk").values_list("pk", flat=True)),
        runs=list(runs.filter(unmarked).order_by("pk").values_list("pk", flat=True)),
        releases=list(Release.objects.of_runs(runs).filter(unmarked).order_by("pk").values_list("pk", flat=True)),
    )


def subjects_with_unmarked_rows(limit: int = 100) -> list[str]:
    """Ids of subjects whose newest decision is a withdrawal that is not marked everywhere yet, at most `limit`."""
    newest = ConsentEntry.objects.filter(subject=OuterRef("pk"), purpose=ConsentEntry.Purpose.TRAINING).order_by("-id")
    rows = DatasetRow.objects.filter(pair__subject=OuterRef("pk"))
    unmarked = Q(dataset__learnt_from_withdrawn_at__isnull=True)
    unmarked |= Q(dataset__runs__isnull=False, dataset__runs__learnt_from_withdrawn_at__isnull=True)
    unmarked |= Q(dataset__runs__release__isnull=False, dataset__runs__release__learnt_from_withdrawn_at__isnull=True)
    subjects = (
        Subject.objects.filter(
            Exists(ConsentEntry.objects.filter(subject=OuterRef("pk"), decision=ConsentEntry.Decision.WITHDRAWN))
        )
        .annotate(newest=Subquery(newest.values("decision")[:1]))
        .filter(newest=ConsentEntry.Decision.WITHDRAWN)
        .filter(
            Exists(Pair.objects.filter(subject=OuterRef("pk"), state=Pair.State.ACCEPTED))
            | Exists(rows.filter(unmarked))
        )
    )
    return [str(pk) for pk in subjects.order_by("pk").values_list("pk", flat=True)[:limit]]
