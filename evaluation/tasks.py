"""The evaluator's queue: each task takes an id, claims the row and calls actions. One that comes twice does nothing."""

from typing import Any

from celery import shared_task
from django.contrib.auth import get_user_model

from audit.actions import Blocked, Refused
from evaluation import grading
from evaluation.actions import EVALUATOR, import_benchmark, queue_gate, refuse_proposal, sweep_gates
from evaluation.champion import champion_run
from evaluation.models import Proposal
from evaluation.vault.models import MailboxEntry
from training.models import Job, Run


@shared_task(name="evaluation.tasks.open_gate")
def open_gate(run_id: int | str) -> None:
    """Queue the first gate of a finished run, against whoever is champion now."""
    run = Run.objects.filter(pk=run_id, state=Job.State.FINISHED, gates__isnull=True).first()
    if run is not None:
        open_for(run)


def open_for(run: Run) -> None:
    try:
        queue_gate(run, champion_run=champion_run(), by=EVALUATOR)
    except Refused:  # somebody was faster
        return


@shared_task(name="evaluation.tasks.grade")
def grade(gate_id: int | str) -> None:
    grading.grade(int(gate_id))


@shared_task(name="evaluation.tasks.import_proposed")
def import_proposed(proposal_id: str) -> None:
    """Publish an uploaded benchmark from the mailbox, or close it with the reasons."""
    proposal = Proposal.objects.filter(pk=proposal_id).first()
    if proposal is None or proposal.state != Proposal.State.WAITING:
        return
    try:
        publish_proposal(proposal, mail(proposal))
    except Refused as refused:
        refuse_proposal(proposal, refused.blockers)


def mail(proposal: Proposal) -> list[dict[str, Any]]:
    entry = MailboxEntry.objects.filter(object_id=proposal.pk, kind=MailboxEntry.Kind.PROPOSED_ITEM).first()
    if entry is None:
        raise Refused(Blocked("file", "did not reach the vault", "Upload it again."))
    items: list[dict[str, Any]] = entry.content["items"]
    return items


def publish_proposal(proposal: Proposal, items: list[dict[str, Any]]) -> None:
    import_benchmark(
        proposal.name,
        proposal.title,
        proposal.kind,
        items,
        scorer=proposal.scorer,
        margin=proposal.margin,
        proposal=proposal,
        by=get_user_model()(pk=proposal.proposed_by_id),  # the evaluator may not read accounts
    )


@shared_task(name="evaluation.tasks.sweep")
def sweep() -> None:
    """Whatever a lost message, a killed worker or a flushed Redis left waiting."""
    grading.clear_scratch()
    for proposal_id in Proposal.objects.filter(state=Proposal.State.WAITING).values_list("pk", flat=True):
        import_proposed(str(proposal_id))
    for run in Run.objects.filter(state=Job.State.FINISHED, gates__isnull=True):
        open_for(run)
    for gate_id in sweep_gates():
        grade.apply_async((gate_id,), queue="evaluation")
