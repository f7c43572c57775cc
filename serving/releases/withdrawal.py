"""What a withdrawn consent reaches: the pairs of the subject, and every dataset, run and release that holds them."""

import uuid
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from curation.models import Dataset, DatasetRow, Pair
from feedback.models import ConsentEntry, Subject
from serving.models import Release
from training.models import Run

SubjectId = uuid.UUID | str


@dataclass(frozen=True, slots=True)
class Reach:
    """Unmarked rows that a withdrawal reaches."""

    pairs: list[str]
    datasets: list[int]
    runs: list[int]
    releases: list[int]

    def __len__(self) -> int:
        return len(self.pairs) + len(self.datasets) + len(self.runs) + len(self.releases)


def standing_withdrawal(subject_id: SubjectId) -> ConsentEntry | None:
    """The newest line of the subject's ledger, if it is a withdrawal."""
    newest = (
        ConsentEntry.objects.filter(subject_id=subject_id, purpose=ConsentEntry.Purpose.TRAINING)
        .order_by("-id")
        .first()
    )
    return newest if newest and newest.decision == ConsentEntry.Decision.WITHDRAWN else None


def reach_of(subject_id: SubjectId) -> Reach:
    """What learnt from this subject and does not say so yet; its pairs are locked."""
    holding = Dataset.objects.filter(
        Exists(DatasetRow.objects.filter(dataset=OuterRef("pk"), pair__subject_id=subject_id))
    )
    trained = Run.objects.filter(dataset__in=holding)
    pairs = Pair.objects.filter(subject_id=subject_id, state=Pair.State.ACCEPTED)
    unmarked = Q(learnt_from_withdrawn_at__isnull=True)
    return Reach(
        pairs=[str(pk) for pk in pairs.locked().values_list("pk", flat=True)],
        datasets=list(holding.filter(unmarked).order_by("pk").values_list("pk", flat=True)),
        runs=list(trained.filter(unmarked).order_by("pk").values_list("pk", flat=True)),
        releases=list(_releases_of(trained).filter(unmarked).order_by("pk").values_list("pk", flat=True)),
    )


def _releases_of(runs: QuerySet[Run]) -> QuerySet[Release]:
    """By run, and by content: a second run may have made the same adapter."""
    adapters = runs.exclude(adapter_sha256="").values("adapter_sha256")
    return Release.objects.filter(Q(run__in=runs) | Q(model_sha256__in=adapters))


def subjects_with_unmarked_reach(limit: int = 100) -> list[str]:
    """Subjects whose newest word is a withdrawal that has not reached everything yet."""
    newest = ConsentEntry.objects.filter(subject=OuterRef("pk"), purpose=ConsentEntry.Purpose.TRAINING).order_by("-id")
    rows = DatasetRow.objects.filter(pair__subject=OuterRef("pk"))
    unmarked = Q(dataset__learnt_from_withdrawn_at__isnull=True)
    unmarked |= Q(dataset__runs__isnull=False, dataset__runs__learnt_from_withdrawn_at__isnull=True)
    unmarked |= Q(dataset__runs__release__isnull=False, dataset__runs__release__learnt_from_withdrawn_at__isnull=True)
    waiting = (
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
    return [str(pk) for pk in waiting.order_by("pk").values_list("pk", flat=True)[:limit]]
