"""What can happen to gates and waivers. One event each."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit.actions import record
from cftapp.base import jobs
from cftapp.base.actors import EVALUATOR, Actor
from cftapp.base.jobs import Job
from cftapp.base.refusal import Conflict, Forbidden, Refused
from curation.datasets.freezing import refuse_exam
from curation.datasets.withdrawn import refuse_withdrawn
from evaluation.models import BenchmarkVersion, Gate, GateResult, Verdict, Waiver
from training.models import Run


@transaction.atomic
def queue_gate(run: Run, *, champion_run: Run | None = None, anchor_run: Run | None = None, by: Actor) -> Gate:
    """Queue the exam of a finished run on the newest version of every benchmark.

    `champion_run` and `anchor_run`: None is the bare base model. Raises Refused while the run has an open gate, for a
    candidate that learnt rows of the exam (its score would be memory), and for one that learnt withdrawn words.
    """
    if run.state != Job.State.FINISHED:
        raise Conflict.because("run", f"Run {run.pk} is {run.state}.", "Wait until it has finished.")
    versions = list(newest_versions())
    refuse_exam(run.dataset)  # after the versions were read: none that is pinned here can have been missed
    refuse_withdrawn(run.dataset)
    try:
        with transaction.atomic():
            gate = Gate.objects.create(
                run=run, champion_run=champion_run, anchor_run=anchor_run, requested_by=name_on_screen(by)
            )
    except IntegrityError as problem:
        message = f"Run {run.pk} has a gate that is not finished."
        raise Conflict.because("run", message, "Wait for its verdict.") from problem
    gate.versions.add(*versions)
    opponents = [("run", run_compared.pk) for run_compared in {champion_run, anchor_run} if run_compared is not None]
    record(
        "gate.queued",
        by=by,
        used=[("run", run.pk), *opponents, *(("benchmark_version", version.pk) for version in versions)],
        generated=[("gate", gate.pk)],
        detail={"adapter_sha256": run.adapter_sha256, "versions": [version.sha256 for version in versions]},
    )
    return gate


def name_on_screen(by: Actor) -> str:
    """Who asked, as the pages say it: a person's user name, or the process."""
    return by if isinstance(by, str) else by.get_username()


def newest_versions() -> Iterable[BenchmarkVersion]:
    """The newest published version of every benchmark."""
    return BenchmarkVersion.objects.order_by("benchmark_id", "-number").distinct("benchmark_id")


@transaction.atomic
def start_gate(gate_id: int, *, by: str = EVALUATOR) -> Gate | None:
    """Claim a queued gate for this worker, or None when there is nothing to claim."""
    gate = jobs.claim(Gate.objects.filter(pk=gate_id))
    if gate is not None:
        detail = {"attempt": gate.attempt, "token": gate.fencing_token}
        record("gate.started", by=by, used=[("gate", gate.pk)], detail=detail)
    return gate


def record_progress(gate: Gate, answers: int, total: int) -> None:
    """Raises Stale."""
    jobs.write(gate, answers=answers, total_answers=total)


@transaction.atomic
def finish_gate(gate: Gate, results: Sequence[GateResult], verdict: str, *, by: str = EVALUATOR) -> Gate:
    """Write all results and the verdict, or nothing. Raises Withdrawn; Stale: another worker's verdict is the one."""
    refuse_withdrawn(gate.run.dataset)
    GateResult.objects.bulk_create(results)
    jobs.end(gate, Job.State.FINISHED, verdict=verdict)
    record(
        "gate.finished",
        by=by,
        used=[("gate", gate.pk)],
        detail={"verdict": str(verdict), "results": [summary(result) for result in results]},
    )
    return gate


def summary(result: GateResult) -> dict[str, Any]:
    return {
        "benchmark_version": result.version_id,
        "opponent": result.opponent,
        "verdict": str(result.verdict),
        "estimate": round(result.estimate, 6),
        "lower": round(result.lower, 6),
        "upper": round(result.upper, 6),
        "margin": result.margin,
        "items": result.items,
    }


@transaction.atomic
def fail_gate(gate: Gate, reason: str, *, by: str = EVALUATOR) -> None:
    """End a gate without a verdict, which promotes nothing. Raises Stale."""
    jobs.end(gate, Job.State.FAILED, error=reason)
    record("gate.failed", by=by, used=[("gate", gate.pk)], detail={"attempt": gate.attempt})


@transaction.atomic
def requeue_gate(gate: Gate, *, by: str = EVALUATOR) -> None:
    """This worker leaves; another goes on where it stopped. Raises Stale."""
    jobs.give_back(gate)
    record("gate.requeued", by=by, used=[("gate", gate.pk)], detail={"lost": False})


def sweep_gates(*, by: str = EVALUATOR) -> list[int]:
    """Take gates from workers that no longer renew their lease; returns the ids of all gates that wait."""

    def requeued(gate: Gate) -> None:
        record("gate.requeued", by=by, used=[("gate", gate.pk)], detail={"lost": True, "attempt": gate.attempt})

    def failed(gate: Gate) -> None:
        record("gate.failed", by=by, used=[("gate", gate.pk)], detail={"lost": True, "attempt": gate.attempt})

    return jobs.sweep(Gate.objects.all(), requeued=requeued, failed=failed)


@transaction.atomic
def request_waiver(gate: Gate, reason: str, *, by: User) -> Waiver:
    """The first of two people takes responsibility for a candidate that did not pass. Raises Refused."""
    if gate.verdict not in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        message = "It passed." if gate.verdict else "It has no verdict."
        raise Conflict.because("gate", message, "Only a FAIL or INCONCLUSIVE can be waived.")
    if not reason.strip():
        raise Refused.because("reason", "A waiver needs a reason.", "Say why it may ship all the same.")
    waiver, created = Waiver.objects.get_or_create(gate=gate, defaults={"reason": reason.strip(), "requested_by": by})
    if not created:
        raise Conflict.because("gate", "A waiver was requested already.", "It needs the second person.")
    record(
        "waiver.requested",
        by=by,
        used=[("gate", gate.pk)],
        generated=[("waiver", waiver.pk)],
        detail={"verdict": str(gate.verdict)},
    )
    return waiver


@transaction.atomic
def confirm_waiver(waiver: Waiver, *, by: User) -> Waiver:
    """The second person signs. Raises Refused for the first one, and for the third."""
    locked = Waiver.objects.select_for_update(of=("self",)).get(pk=waiver.pk)
    if locked.requested_by_id == by.pk:
        raise Forbidden.because("waiver", "You requested it yourself.", "Another person must confirm.")
    if locked.is_confirmed:
        raise Conflict.because("waiver", "It is confirmed already.", "Nothing is left to do.")
    Waiver.objects.filter(pk=locked.pk).update(confirmed_by=by, confirmed_at=Now())
    locked.refresh_from_db()
    record("waiver.confirmed", by=by, used=[("waiver", locked.pk), ("gate", locked.gate_id)])
    return locked
