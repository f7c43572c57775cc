"""Everything that can happen to benchmarks, gates and waivers. One event each."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit.actions import Blocked, Refused, record
from curation.actions import adopt_epoch
from curation.freezing import refuse_exam
from curation.models import RegistryEpoch
from evaluation import registering
from evaluation.items import check_margin, read_lines, read_rows, version_sha256
from evaluation.models import Benchmark, BenchmarkVersion, Gate, GateResult, Proposal, Scorer, Verdict, Waiver
from evaluation.vault import actions as vault
from feedback import mailbox
from training import jobs
from training.models import Job, Run

EVALUATOR = "process:evaluator"

# --- benchmarks -------------------------------------------------------------------------------------------------------


def import_benchmark(
    name: str,
    title: str,
    kind: str,
    items: Iterable[dict[str, Any]],
    *,
    scorer: str,
    margin: float,
    background: Iterable[str] = (),
    proposal: Proposal | None = None,
    by: Any,
) -> BenchmarkVersion:
    """Publish items as the next version of a benchmark and protect them: vault first, then one transaction here.

    A crash in between leaves vault rows that nothing refers to; importing again continues. What is published already,
    with the same margin, is returned as it is. `background`: clean texts that tell the registry which phrases are
    common. Raises Refused, naming line and field.
    """
    drafts = read_rows(items, scorer)
    check_margin(margin)
    check_kind(name, title, kind, scorer)
    sha256 = version_sha256(name, scorer, drafts)
    with vault.one_import_at_a_time():
        if published := published_as(name, sha256, margin):
            return settle_unchanged(proposal, published, by=by)
        vault.add_reference_texts(background)
        vault.write_items(name, sha256, drafts)
        protected = registering.protected_versions()
        snapshot = registering.build_snapshot({sha256: registering.next_label(name)} | protected)
        return publish(
            name=name,
            title=title,
            kind=kind,
            facts={"items": len(drafts), "sha256": sha256, "scorer": scorer, "margin": margin},
            snapshot=snapshot,
            proposal=proposal,
            by=by,
        )


def check_kind(name: str, title: str, kind: str, scorer: str) -> None:
    """Raises Refused where the words about a benchmark do not fit each other or what is published."""
    if kind not in Benchmark.Kind.values:
        raise Refused.because("kind", f"{kind!r} is no kind", f"one of {', '.join(Benchmark.Kind.values)}")
    if (kind == Benchmark.Kind.SAFETY) != (scorer == Scorer.REFUSAL):
        raise Refused.because("scorer", f"{scorer!r} does not suit {kind}", "refusal for safety probes, and only there")
    if not title.strip() or len(title) > 120:
        raise Refused.because("title", "is missing or too long", "1 to 120 characters")
    if not name or len(name) > 60 or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise Refused.because("name", f"{name[:60]!r} is no name", "up to 60 letters, digits, hyphens, underscores")
    existing = Benchmark.objects.filter(name=name).first()
    if existing and existing.kind != kind:
        raise Refused.because("kind", f"{name} is a {existing.kind} benchmark", "another name, or that kind")


def published_as(name: str, sha256: str, margin: float) -> BenchmarkVersion | None:
    """The newest version of a benchmark, if it is exactly this one."""
    newest = (
        BenchmarkVersion.objects.filter(benchmark__name=name).select_related("benchmark").order_by("-number").first()
    )
    return newest if newest and (newest.sha256, newest.margin) == (sha256, margin) else None


@transaction.atomic
def settle_unchanged(proposal: Proposal | None, version: BenchmarkVersion, *, by: Any) -> BenchmarkVersion:
    """Close an upload of what is published already; without one there is nothing to write."""
    if proposal is not None:
        settle(proposal, version)
        used = [("proposal", proposal.pk), ("benchmark_version", version.pk)]
        record("benchmark.unchanged", by=by, used=used)
    return version


@transaction.atomic
def publish(
    *,
    name: str,
    title: str,
    kind: str,
    facts: dict[str, Any],
    snapshot: registering.Snapshot,
    proposal: Proposal | None,
    by: Any,
) -> BenchmarkVersion:
    """The half of an import that is in the default database: version, epoch, proposal, event."""
    benchmark, _ = Benchmark.objects.get_or_create(name=name, defaults={"title": title, "kind": kind})
    newest = benchmark.versions.order_by("-number").first()
    number = newest.number + 1 if newest else 1
    version = BenchmarkVersion.objects.create(benchmark=benchmark, number=number, published_by=by, **facts)
    current = RegistryEpoch.objects.order_by("-number").first()
    if current is None or current.number < snapshot.number:
        adopt_epoch(snapshot.number, snapshot.sha256, snapshot.items, snapshot.unprotected, snapshot.normaliser, by=by)
    if proposal is not None:
        settle(proposal, version)
    record(
        "benchmark.published",
        by=by,
        used=[("proposal", proposal.pk)] if proposal else [],
        generated=[("benchmark_version", version.pk)],
        detail={"number": number, "epoch": snapshot.number, "kind": kind, **facts},
    )
    return version


def settle(proposal: Proposal, version: BenchmarkVersion) -> None:
    Proposal.objects.filter(pk=proposal.pk, state=Proposal.State.WAITING).update(
        state=Proposal.State.PUBLISHED, version=version, settled_at=Now()
    )


def propose_benchmark(name: str, title: str, kind: str, text: str, *, scorer: str, margin: float, by: Any) -> Proposal:
    """Check an uploaded file and put it into the vault's mailbox; the evaluator imports it. Raises Refused.

    The web process can write there and read nothing back. The mailbox is written first: a crash in between leaves an
    entry that nothing refers to.
    """
    drafts = read_lines(text, scorer)
    check_margin(margin)
    check_kind(name, title, kind, scorer)
    rows = [{"question": one.question, "answer": one.answer, "category": one.category} for one in drafts]
    facts = {"name": name, "title": title, "kind": kind, "scorer": scorer, "margin": margin}
    key = uuid.uuid4()
    mailbox.post("proposed_item", key, content={"items": rows})
    with transaction.atomic():
        proposal = Proposal.objects.create(id=key, items=len(rows), proposed_by=by, **facts)
        record(
            "benchmark.proposed",
            by=by,
            generated=[("proposal", key)],
            detail={"items": len(rows), "kind": kind, "scorer": scorer, "margin": margin},
        )
    return proposal


@transaction.atomic
def refuse_proposal(proposal: Proposal, reasons: Sequence[Blocked], *, by: str = EVALUATOR) -> None:
    """Close a proposal that cannot be published, with its reasons."""
    told = [asdict(one) for one in reasons]
    waiting = Proposal.objects.filter(pk=proposal.pk, state=Proposal.State.WAITING)
    if waiting.update(state=Proposal.State.REFUSED, reasons=told, settled_at=Now()):
        detail = {"reasons": len(told)}
        record("benchmark.refused", by=by, used=[("proposal", proposal.pk)], detail=detail)


# --- gates ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def queue_gate(run: Run, *, champion_run: Run | None = None, anchor_run: Run | None = None, by: Any) -> Gate:
    """Queue the exam of a finished run on the newest version of every benchmark.

    `champion_run` and `anchor_run`: None is the bare base model. Raises Refused while the run has an open gate, and for
    a candidate that learnt rows of the exam: its score would be memory.
    """
    if run.state != Job.State.FINISHED:
        raise Refused.because("run", f"Run {run.pk} is {run.state}.", "Wait until it has finished.")
    versions = list(newest_versions())
    refuse_exam(run.dataset)  # after the versions were read: none that is pinned here can have been missed
    try:
        with transaction.atomic():
            gate = Gate.objects.create(
                run=run, champion_run=champion_run, anchor_run=anchor_run, requested_by=name_on_screen(by)
            )
    except IntegrityError as problem:
        message = f"Run {run.pk} has a gate that is not finished."
        raise Refused.because("run", message, "Wait for its verdict.") from problem
    gate.versions.add(*versions)
    opponents = [("run", one.pk) for one in {champion_run, anchor_run} if one is not None]
    record(
        "gate.queued",
        by=by,
        used=[("run", run.pk), *opponents, *(("benchmark_version", one.pk) for one in versions)],
        generated=[("gate", gate.pk)],
        detail={"adapter_sha256": run.adapter_sha256, "versions": [one.sha256 for one in versions]},
    )
    return gate


def name_on_screen(by: Any) -> str:
    """Who asked, as the pages say it: a person's user name, or the process."""
    return by if isinstance(by, str) else by.get_username()


def newest_versions() -> Iterable[BenchmarkVersion]:
    """The newest published version of every benchmark."""
    return BenchmarkVersion.objects.order_by("benchmark_id", "-number").distinct("benchmark_id")


@transaction.atomic
def start_gate(gate_id: int, *, by: str = EVALUATOR) -> Gate | None:
    """Claim a queued gate for this worker, or None when there is nothing to claim."""
    gate = jobs.claim(Gate.objects.filter(pk=gate_id), jobs.owner_name())
    if gate is not None:
        detail = {"attempt": gate.attempt, "token": gate.fencing_token}
        record("gate.started", by=by, used=[("gate", gate.pk)], detail=detail)
    return gate


def record_progress(gate: Gate, answers: int, total: int) -> None:
    """Raises Stale."""
    jobs.write(gate, answers=answers, total_answers=total)


@transaction.atomic
def finish_gate(gate: Gate, results: Sequence[GateResult], verdict: str, *, by: str = EVALUATOR) -> Gate:
    """Write all results and the verdict, or nothing. Raises Stale: then another worker's verdict is the one."""
    GateResult.objects.bulk_create(results)
    jobs.end(gate, Job.State.FINISHED, verdict=verdict)
    record(
        "gate.finished",
        by=by,
        used=[("gate", gate.pk)],
        detail={"verdict": str(verdict), "results": [summary(one) for one in results]},
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


# --- waivers ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def request_waiver(gate: Gate, reason: str, *, by: Any) -> Waiver:
    """The first of two people takes responsibility for a candidate that did not pass. Raises Refused."""
    if gate.verdict not in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        message = "It passed." if gate.verdict else "It has no verdict."
        raise Refused.because("gate", message, "Only a FAIL or INCONCLUSIVE can be waived.")
    if not reason.strip():
        raise Refused.because("reason", "A waiver needs a reason.", "Say why it may ship all the same.")
    waiver, created = Waiver.objects.get_or_create(gate=gate, defaults={"reason": reason.strip(), "requested_by": by})
    if not created:
        raise Refused.because("gate", "A waiver was requested already.", "It needs the second person.")
    record(
        "waiver.requested",
        by=by,
        used=[("gate", gate.pk)],
        generated=[("waiver", waiver.pk)],
        detail={"verdict": str(gate.verdict)},
    )
    return waiver


@transaction.atomic
def confirm_waiver(waiver: Waiver, *, by: Any) -> Waiver:
    """The second person signs. Raises Refused for the first one, and for the third."""
    held = Waiver.objects.select_for_update(of=("self",)).get(pk=waiver.pk)
    if held.requested_by_id == by.pk:
        raise Refused.because("waiver", "You requested it yourself.", "Another person must confirm.")
    if held.is_confirmed:
        raise Refused.because("waiver", "It is confirmed already.")
    Waiver.objects.filter(pk=held.pk).update(confirmed_by=by, confirmed_at=Now())
    held.refresh_from_db()
    record("waiver.confirmed", by=by, used=[("waiver", held.pk), ("gate", held.gate_id)])
    return held
