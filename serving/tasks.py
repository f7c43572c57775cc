"""The Celery tasks of this app: each calls an action. A task may run twice or never: actions are idempotent, and
`sweep` repeats what a lost message left.
"""

from celery import shared_task
from django.db.models import Exists, OuterRef

from cftapp.base.actors import CURATOR
from cftapp.base.refusal import Refused
from evaluation.models import Gate
from serving.gateway.idempotency import forget_answers as forget_old_answers
from serving.models import Release
from serving.releases import actions, marking
from serving.releases.contamination import current_contamination, datasets_to_check
from serving.releases.withdrawal import subjects_with_unmarked_rows
from training.models import Run

MAX_ROWS = 100


@shared_task(name="serving.tasks.create_release")
def create_release(gate_id: int) -> int:
    """Make a release of a judged run, passed or blocked. Returns the release's number."""
    gate = Gate.objects.select_related("run").get(pk=gate_id)
    return actions.create_release(gate.run, by=CURATOR).number


@shared_task(name="serving.tasks.mark_withdrawal")
def mark_withdrawal(subject_id: str) -> int:
    """Mark what learnt from a subject who withdrew consent. Returns how many rows were marked."""
    return len(marking.mark_withdrawal(subject_id, by=CURATOR))


@shared_task(name="serving.tasks.mark_contamination")
def mark_contamination() -> int:
    """Mark what learnt frozen rows that overlap with an exam. Returns how many rows were marked."""
    dataset_ids = datasets_to_check(current_contamination())
    return sum(len(update) for pk in dataset_ids if (update := marking.mark_contamination(pk, by=CURATOR)))


@shared_task(name="serving.tasks.forget_answers")
def forget_answers() -> int:
    """Forget answers that waited long enough for a repetition. Returns how many."""
    return forget_old_answers()


@shared_task(name="serving.tasks.sweep")
def sweep() -> dict[str, int]:
    """Do what a lost message left undone: releases of judged runs; marks of withdrawals and of contaminated rows."""
    created = 0
    for run in judged_without_release():
        try:
            actions.create_release(run, by=CURATOR)
            created += 1
        except Refused:
            continue
    marked = [mark_withdrawal(subject_id) for subject_id in subjects_with_unmarked_rows(MAX_ROWS)]
    return {"created": created, "marked": sum(marked) + mark_contamination()}


def judged_without_release() -> list[Run]:
    """Finished runs that a gate has judged and whose model is no release yet."""
    judged = Exists(Gate.objects.filter(run=OuterRef("pk"), state=Gate.State.FINISHED))
    released = Exists(Release.objects.filter(model_sha256=OuterRef("adapter_sha256")))
    runs = Run.objects.filter(judged, ~released, state=Run.State.FINISHED)
    return list(runs.order_by("pk")[:MAX_ROWS])
