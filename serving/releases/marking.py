"""Marking what learnt from withdrawn rows, or from rows of an exam: datasets, runs, gates and releases.

Both actions are idempotent: a call that finds nothing new writes and records nothing. Rows that come later (a run of
a marked dataset, its release) are born marked by triggers; `serving.tasks.sweep` repeats what a lost message left.
"""

from collections.abc import Sequence

from django.db import transaction

from audit.actions import Ref, record
from cftapp.base.actors import Actor
from cftapp.base.locks import lock_until_commit
from curation.models import Dataset, Pair
from serving.models import Release
from serving.releases.contamination import MarkUpdate, current_contamination, mark_update
from serving.releases.withdrawal import SubjectId, UnmarkedRows, unmarked_rows, withdrawal_in_force
from training.models import Run


@transaction.atomic
def mark_withdrawal(subject_id: SubjectId, *, by: Actor) -> UnmarkedRows:
    """Mark everything that learnt from a subject who withdrew consent: pairs, datasets, runs, releases.

    Returns the rows that were marked. What is marked already keeps its time.
    """
    lock_until_commit(f"withdrawal:{subject_id}")
    entry = withdrawal_in_force(subject_id)
    if entry is None:
        return UnmarkedRows([], [], [], [])
    rows = unmarked_rows(subject_id)
    if not rows:
        return rows
    Pair.objects.filter(pk__in=rows.pairs).update(state=Pair.State.WITHDRAWN)
    for model, ids in ((Dataset, rows.datasets), (Run, rows.runs), (Release, rows.releases)):
        model.objects.filter(pk__in=ids).update(learnt_from_withdrawn_at=entry.recorded_at)
    ids_by_kind: dict[str, Sequence[object]] = {
        "pair": rows.pairs,
        "dataset": rows.datasets,
        "run": rows.runs,
        "release": rows.releases,
    }
    used: list[Ref] = [("subject", subject_id), ("consent", entry.pk)]
    used += [(kind, pk) for kind, ids in ids_by_kind.items() for pk in ids]
    record("withdrawal.marked", by=by, used=used, detail={kind: len(ids) for kind, ids in ids_by_kind.items()})
    return rows


@transaction.atomic
def mark_contamination(dataset_id: int, *, by: Actor) -> MarkUpdate | None:
    """Mark a dataset that holds rows which are an exam's items today, and the runs, gates and releases on it.

    Where no such row is left (the item left the exam, or two people overrode the finding) the mark is removed. Returns
    what was written; None if nothing was.
    """
    dataset = Dataset.objects.select_for_update().filter(pk=dataset_id).first()
    if dataset is None:
        return None
    update = mark_update(dataset, current_contamination().get(dataset_id))
    if not update:
        return None
    for model, ids in update.ids_by_kind().values():
        model._default_manager.filter(pk__in=ids).update(contamination=update.mark)
    _record_mark(update, by=by)
    return update


def _record_mark(update: MarkUpdate, *, by: Actor) -> None:
    """One event that names the dataset, marked or not, and everything that was written."""
    mark = update.mark or {}
    ids_by_kind = {kind: ids for kind, (_, ids) in update.ids_by_kind().items()}
    detail = {kind: len(ids) for kind, ids in ids_by_kind.items()}
    detail |= {"rows": mark.get("rows", 0), "benchmarks": mark.get("benchmarks", {})}
    used: list[Ref] = [("epoch", mark["epoch"])] if mark else []
    used += [("pair", pk) for pk in update.pairs]
    used += [(kind, pk) for kind, ids in {**ids_by_kind, "dataset": [update.dataset]}.items() for pk in ids]
    record("contamination.found" if mark else "contamination.cleared", by=by, used=used, detail=detail)
