"""What can happen to benchmarks and proposals, and which policy is in force. One event each."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from audit.actions import record
from cftapp.base.actors import EVALUATOR, Actor
from cftapp.base.refusal import Blocked, Conflict, Refused
from curation.models import RegistryEpoch, ReverseCheck, ScreeningPolicy
from curation.screening import reverse_check
from curation.screening.actions import adopt_epoch
from curation.thresholds.tuning import BadPolicy, parse
from evaluation.benchmarks import overlap_check, registry_snapshot, weak_items
from evaluation.items import check_margin, read_lines, read_rows, version_sha256
from evaluation.models import Benchmark, BenchmarkVersion, Proposal, Scorer
from evaluation.vault import actions as vault
from feedback import mailbox

log = structlog.get_logger(__name__)


class Overtaken(RuntimeError):
    """Another epoch was adopted while a registry was built: build it again."""


def import_benchmark(
    name: str,
    title: str,
    kind: str,
    items: Iterable[dict[str, Any]],
    *,
    scorer: str,
    margin: float,
    background: Iterable[str] = (),
    overlapping: overlap_check.Overlapping = "publish",
    proposal: Proposal | None = None,
    by: User,
) -> BenchmarkVersion:
    """Publish items as the next version of a benchmark and protect them: vault first, then one transaction here.

    A crash in between leaves vault rows that nothing refers to; importing again continues. What is published already,
    with the same margin, is returned as it is. `background`: clean texts that tell the registry which phrases are
    common.

    Before that, items that are new are compared with every stored row. `overlapping` says what becomes of those that
    overlap: "publish" protects them too (the rows are then blocked, and what learnt them is marked; an exam that
    leaves out what leaked would hide it, so this is what a caller gets who does not choose), "drop" leaves them out,
    "refuse" raises Overlaps. A process that may not read rows leaves the comparison to the screener and raises
    Unfinished until it is done: call again. Both are Refused, as is what is wrong with a line, naming its field.
    """
    drafts = read_rows(items, scorer)
    check_margin(margin)
    check_kind(name, title, kind, scorer)
    vault.add_reference_texts(background)
    compared = overlap_check.Compared()
    if not published_as(name, version_sha256(name, scorer, drafts), margin):
        owner = f"proposal/{proposal.pk}" if proposal else "import"
        drafts, compared = overlap_check.settle(name, scorer, drafts, overlapping, owner=owner, by=by)
    sha256 = version_sha256(name, scorer, drafts)
    with vault.one_import_at_a_time():
        if published := published_as(name, sha256, margin):
            return settle_unchanged(proposal, published, by=by)
        vault.write_items(name, sha256, drafts)
        protected = registry_snapshot.protected_versions()
        snapshot = registry_snapshot.build_snapshot({sha256: registry_snapshot.next_label(name)} | protected)
        return publish(
            name=name,
            title=title,
            kind=kind,
            facts={"items": len(drafts), "sha256": sha256, "scorer": scorer, "margin": margin},
            snapshot=snapshot,
            compared=compared,
            proposal=proposal,
            by=by,
        )


def check_kind(name: str, title: str, kind: str, scorer: str) -> None:
    """Raises Refused where the words about a benchmark do not fit each other or what is published."""
    if kind not in Benchmark.Kind.values:
        raise Refused.because("kind", f"{kind!r} is no kind.", f"Give one of: {', '.join(Benchmark.Kind.values)}.")
    if (kind == Benchmark.Kind.SAFETY) != (scorer == Scorer.REFUSAL):
        message = f"{scorer!r} does not suit {kind}."
        raise Refused.because("scorer", message, "Use refusal for safety probes, and only there.")
    if not title.strip() or len(title) > 120:
        raise Refused.because("title", "The title is missing or too long.", "Write 1 to 120 characters.")
    if not name or len(name) > 60 or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        remedy = "Use up to 60 letters, digits, hyphens, underscores."
        raise Refused.because("name", f"{name[:60]!r} is no name.", remedy)
    existing = Benchmark.objects.filter(name=name).first()
    if existing and existing.kind != kind:
        raise Refused.because("kind", f"{name} is a {existing.kind} benchmark.", "Choose another name, or that kind.")


def published_as(name: str, sha256: str, margin: float) -> BenchmarkVersion | None:
    """The newest version of a benchmark, if it is exactly this one."""
    newest = (
        BenchmarkVersion.objects.filter(benchmark__name=name).select_related("benchmark").order_by("-number").first()
    )
    return newest if newest and (newest.sha256, newest.margin) == (sha256, margin) else None


@transaction.atomic
def settle_unchanged(proposal: Proposal | None, version: BenchmarkVersion, *, by: Actor) -> BenchmarkVersion:
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
    snapshot: registry_snapshot.Snapshot,
    compared: overlap_check.Compared,
    proposal: Proposal | None,
    by: User,
) -> BenchmarkVersion:
    """The half of an import that is in the default database: version, epoch, proposal, event. Raises Overtaken."""
    current = RegistryEpoch.objects.order_by("-number").first()
    if (current.number if current else 0) != snapshot.follows:
        raise Overtaken(f"The registry follows epoch {snapshot.follows}, which is not the current one any more.")
    benchmark, _ = Benchmark.objects.get_or_create(name=name, defaults={"title": title, "kind": kind})
    newest = benchmark.versions.order_by("-number").first()
    number = newest.number + 1 if newest else 1
    version = BenchmarkVersion.objects.create(
        benchmark=benchmark, number=number, published_by=by, encoder=snapshot.encoder, **facts, **compared.cost
    )
    weak_items.store(version, snapshot.weak)
    if snapshot.number > snapshot.follows:
        adopt_epoch(
            snapshot.number,
            snapshot.sha256,
            snapshot.items,
            snapshot.unprotected,
            snapshot.normaliser,
            comparable_since=snapshot.comparable_since,
            by=by,
        )
    if proposal is not None:
        settle(proposal, version)
    record(
        "benchmark.published",
        by=by,
        used=[("proposal", proposal.pk)] if proposal else [],
        generated=[("benchmark_version", version.pk)],
        detail={"number": number, "epoch": snapshot.number, "kind": kind, "compared": compared.figures, **facts},
    )
    return version


def settle(proposal: Proposal, version: BenchmarkVersion) -> None:
    Proposal.objects.unsettled().filter(pk=proposal.pk).update(
        state=Proposal.State.PUBLISHED, version=version, settled_at=Now()
    )


def propose_benchmark(name: str, title: str, kind: str, text: str, *, scorer: str, margin: float, by: User) -> Proposal:
    """Check an uploaded file and put it into the vault's mailbox; the evaluator imports it. Raises Refused.

    The web process can write there and read nothing back. The mailbox is written first: a crash in between leaves an
    entry that nothing refers to.
    """
    drafts = read_lines(text, scorer)
    check_margin(margin)
    check_kind(name, title, kind, scorer)
    rows = [draft.row for draft in drafts]
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
    stored_reasons = [asdict(reason) for reason in reasons]
    waiting = Proposal.objects.unsettled().filter(pk=proposal.pk)
    if waiting.update(state=Proposal.State.REFUSED, reasons=stored_reasons, settled_at=Now()):
        detail = {"reasons": len(stored_reasons)}
        record("benchmark.refused", by=by, used=[("proposal", proposal.pk)], detail=detail)


@transaction.atomic
def note_check(proposal: Proposal, check: ReverseCheck, state: str, *, by: str = EVALUATOR) -> None:
    """An upload is being compared with stored rows, or overlaps with some. The same again changes nothing."""
    waiting = Proposal.objects.unsettled().filter(pk=proposal.pk).exclude(state=state, reverse_check=check)
    if waiting.update(state=state, reverse_check=check):
        used = [("proposal", proposal.pk), ("reverse_check", check.pk)]
        record(f"benchmark.{state}", by=by, used=used, detail=reverse_check.figures(check))


@transaction.atomic
def decide_proposal(proposal: Proposal, decision: str, *, by: User) -> Proposal:
    """A person says what becomes of an upload that overlaps with stored rows. Raises Refused."""
    if decision not in Proposal.Decision.values:
        choice = ", ".join(Proposal.Decision.values)
        raise Refused.because("decision", f"{decision[:20]!r} is no decision.", f"Give one of: {choice}.")
    locked = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
    if locked.state != Proposal.State.OVERLAPPING:
        remedy = "Only one that overlaps waits for a decision."
        raise Conflict.because("state", f"The upload is {locked.state}.", remedy)
    withdrawn = decision == Proposal.Decision.WITHDRAW
    Proposal.objects.filter(pk=locked.pk).update(
        state=Proposal.State.WITHDRAWN if withdrawn else Proposal.State.WAITING,
        decision=decision,
        decided_by=by,
        decided_at=Now(),
        settled_at=Now() if withdrawn else None,
    )
    used = [("proposal", locked.pk), ("reverse_check", locked.reverse_check_id)]
    record("proposal.decided", by=by, used=used, detail={"decision": decision})
    locked.refresh_from_db()
    return locked


def adopt_policy(*, by: str = EVALUATOR) -> RegistryEpoch | None:
    """Put the newest saved policy in force: an epoch of the same snapshot, under which every row is screened again.

    None where it is in force already, where nothing is protected yet, and for one that this program cannot read.
    """
    with vault.one_import_at_a_time():
        current, newest = RegistryEpoch.objects.current(), ScreeningPolicy.objects.first()
        if current is None or newest is None or newest.version <= current.policy_version:
            return None
        try:
            parse(newest.values)
        except BadPolicy as bad:
            log.error("policy.unreadable", version=newest.version, field=bad.field, problem=bad.message)
            return None
        return adopt_epoch(
            current.number + 1,
            current.sha256,
            current.items,
            current.unprotected_items,
            current.normaliser,
            snapshot_number=current.snapshot_number,
            by=by,
        )
