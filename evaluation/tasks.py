"""The evaluator's queue: each task takes an id, claims the row and calls actions. One that comes twice does nothing."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from cftapp.base.actors import EVALUATOR
from cftapp.base.jobs import Job
from cftapp.base.refusal import Refused
from curation.models import ReverseCheck
from evaluation.benchmarks import actions as benchmark_actions
from evaluation.benchmarks import labelling
from evaluation.benchmarks.actions import import_benchmark, note_check, refuse_proposal
from evaluation.benchmarks.overlap_check import Overlaps, Unfinished
from evaluation.gates import grading
from evaluation.gates.actions import queue_gate, sweep_gates
from evaluation.gates.champion import champion_run
from evaluation.models import Gate, Proposal
from evaluation.vault import actions as vault
from evaluation.vault.models import MailboxEntry, Offer
from training.models import Run

Decision = Proposal.Decision
OFFER_KEPT = timedelta(hours=1)


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
    """Take an upload from the mailbox one step on: have it compared with stored rows, publish it, or close it with the
    reasons. What overlaps waits for a person's decision.
    """
    proposal = Proposal.objects.unsettled().filter(pk=proposal_id).first()
    if proposal is None:
        return
    try:
        publish_proposal(proposal, mail(proposal))
    except Unfinished as unfinished:
        note_check(proposal, unfinished.check, Proposal.State.CHECKING)
    except Overlaps as overlaps:
        note_check(proposal, overlaps.check, Proposal.State.OVERLAPPING)
    except Refused as refused:
        refuse_proposal(proposal, refused.blockers)


@shared_task(name="evaluation.tasks.import_checked")
def import_checked(check_id: str) -> None:
    """The screener has compared an upload's items with every row, or cannot: go on with it."""
    for proposal_id in Proposal.objects.unsettled().filter(reverse_check=UUID(check_id)).values_list("pk", flat=True):
        import_proposed(str(proposal_id))


def mail(proposal: Proposal) -> list[dict[str, Any]]:
    entry = MailboxEntry.objects.filter(object_id=proposal.pk, kind=MailboxEntry.Kind.PROPOSED_ITEM).first()
    if entry is None:
        raise Refused.because("file", "It did not reach the vault.", "Upload it again.")
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
        overlapping="drop" if proposal.decision == Decision.DROP else "publish" if proposal.decision else "refuse",
        proposal=proposal,
        by=get_user_model()(pk=proposal.proposed_by_id),  # the evaluator may not read accounts
    )


def take_back_offers() -> None:
    """Offers that were compared, or that a crash left without a check."""
    offered = list(Offer.objects.filter(offered_at__lt=timezone.now() - OFFER_KEPT).values_list("pk", flat=True))
    needed = set(
        ReverseCheck.objects.filter(pk__in=offered, state=ReverseCheck.State.ASKED).values_list("pk", flat=True)
    )
    vault.take_back(pk for pk in offered if pk not in needed)


@shared_task(name="evaluation.tasks.adopt_policy")
def adopt_policy(version: int | str | None = None) -> None:
    """A policy was saved: put the newest one in force."""
    benchmark_actions.adopt_policy()


@shared_task(name="evaluation.tasks.label")
def label() -> None:
    """Make the next part of the labelled set, unless a gate waits for this worker; and ring for the part after it."""
    if Gate.objects.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).exists():
        return
    if labelling.label_next(by=EVALUATOR):
        label.apply_async(queue="evaluation")


@shared_task(name="evaluation.tasks.sweep")
def sweep() -> None:
    """Whatever a lost message, a killed worker or a flushed Redis left waiting."""
    grading.clear_scratch()
    compared = Q(reverse_check__isnull=True) | ~Q(reverse_check__state=ReverseCheck.State.ASKED)
    for proposal_id in Proposal.objects.unsettled().filter(compared).values_list("pk", flat=True):
        import_proposed(str(proposal_id))
    take_back_offers()
    for run in Run.objects.filter(state=Job.State.FINISHED, gates__isnull=True, learnt_from_withdrawn_at__isnull=True):
        open_for(run)
    benchmark_actions.adopt_policy()
    for gate_id in sweep_gates():
        grade.apply_async((gate_id,), queue="evaluation")
    label.apply_async(queue="evaluation")
