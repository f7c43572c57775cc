"""Celery's way to the actions of this app. A task may come twice or never: actions do not mind, `sweep` catches up."""

from celery import shared_task
from django.db.models import Exists, OuterRef

from cftapp.base.actors import CURATOR
from cftapp.base.refusal import Refused
from evaluation.models import Gate
from serving.models import Release
from serving.releases import actions as release_actions
from serving.releases import contamination, withdrawal
from training.models import Run

MOST = 100


@shared_task(name="serving.tasks.create_release")
def create_release(gate_id: int) -> int:
    """A gate has come to a verdict: its run becomes a release, passed or blocked. Returns the release's number."""
    gate = Gate.objects.select_related("run").get(pk=gate_id)
    return release_actions.create_release(gate.run, by=CURATOR).number


@shared_task(name="serving.tasks.mark_withdrawal")
def mark_withdrawal(subject_id: str) -> int:
    """A subject withdrew consent: mark what learnt from it. Returns how many rows were marked."""
    return len(release_actions.mark_withdrawal(subject_id, by=CURATOR))


@shared_task(name="serving.tasks.mark_contamination")
def mark_contamination() -> int:
    """Frozen rows were found to overlap with an exam: mark what learnt them. Returns how many rows were marked."""
    suspects = contamination.to_look_at(contamination.found_now())
    return sum(len(spread) for pk in suspects if (spread := release_actions.mark_contamination(pk, by=CURATOR)))


@shared_task(name="serving.tasks.sweep")
def sweep() -> dict[str, int]:
    """Whatever a lost message left undone: judged runs without a release; withdrawals, and rows that became an exam,
    that have not reached all.
    """
    created = 0
    for run in judged_without_release():
        try:
            release_actions.create_release(run, by=CURATOR)
            created += 1
        except Refused:
            continue
    marked = [mark_withdrawal(subject_id) for subject_id in withdrawal.subjects_with_unmarked_reach(MOST)]
    return {"created": created, "marked": sum(marked) + mark_contamination()}


def judged_without_release() -> list[Run]:
    """Finished runs that a gate has judged and whose model is no release yet."""
    judged = Exists(Gate.objects.filter(run=OuterRef("pk"), state=Gate.State.FINISHED))
    released = Exists(Release.objects.filter(model_sha256=OuterRef("adapter_sha256")))
    waiting = Run.objects.filter(judged, ~released, state=Run.State.FINISHED)
    return list(waiting.order_by("pk")[:MOST])
