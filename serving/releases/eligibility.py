"""Eligibility of a release: what its promotion rests on, and what forbids it to answer people. Changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from cftapp.base.refusal import Blocked, Refused
from curation.datasets.freezing import refuse_exam
from curation.datasets.withdrawn import hold_consent, withdrawn_rows
from curation.models import Dataset
from evaluation.models import Gate, Verdict, Waiver
from serving.models import Release
from training.models import Run


@dataclass(frozen=True, slots=True)
class PromotionBasis:
    """The gate that a promotion rests on, and the waiver where the gate's verdict alone does not suffice."""

    gate: Gate
    waiver: Waiver | None = None


def newest_verdict(run: Run) -> Gate | None:
    """The newest gate of a run that has come to a verdict."""
    return run.gates.filter(state=Gate.State.FINISHED).order_by("-id").first()


def promotion_bases(releases: Iterable[Release]) -> dict[int, PromotionBasis]:
    """What a promotion of each release would rest on, by its id, whether or not it suffices. A single query."""
    release_ids = {release.run_id: release.pk for release in releases if release.run_id}
    gates = Gate.objects.filter(run__in=release_ids, state=Gate.State.FINISHED).select_related("waiver")
    newest = gates.order_by("run_id", "-id").distinct("run_id")
    return {
        release_ids[gate.run_id]: PromotionBasis(gate, _if_confirmed(getattr(gate, "waiver", None))) for gate in newest
    }


def _if_confirmed(waiver: Waiver | None) -> Waiver | None:
    return waiver if waiver and waiver.confirmed_at else None


def promotion_blockers(release: Release, basis: PromotionBasis | None, champion: Release | None) -> list[Blocked]:
    """Why `release` may not become champion on this basis; empty if it may.

    A PASS counts against the champion it was measured against, and no other. A waiver confirmed by a second person
    takes the place of the verdict, not of consent, and not of an exam that the candidate has not learnt. Of those two
    only the marks count here, which cost a page no query; whoever promotes asks `answering_blockers` as well.
    """
    if champion == release:
        return [Blocked("release", f"{release} is the champion already.", "Nothing is left to do.")]
    if release.run is None:
        return [Blocked("release", "The base model has no gate.", "Roll back to it instead.")]
    if basis is None or basis.gate.run_id != release.run_id:
        return [Blocked("gate", f"No gate has examined {release}.", "Open a gate for its run.")]
    of_basis = _waiver_blockers(basis.gate, basis.waiver) if basis.waiver else _gate_blockers(basis.gate, champion)
    return [*of_basis, *marks_of(release)]


def _waiver_blockers(gate: Gate, waiver: Waiver) -> list[Blocked]:
    if waiver.gate_id == gate.pk:
        return []
    return [Blocked("waiver", f"The waiver is for another gate than gate {gate.pk}.", "Use that gate's waiver.")]


def _gate_blockers(gate: Gate, champion: Release | None) -> list[Blocked]:
    if gate.state != Gate.State.FINISHED:
        return [Blocked("gate", f"Gate {gate.pk} is {gate.state}.", "Wait for its verdict.")]
    if gate.verdict != Verdict.PASS:
        remedy = "Train a better candidate, or have two people sign a waiver."
        return [Blocked("gate", f"Gate {gate.pk} says {gate.verdict}.", remedy)]
    if champion and gate.champion_run_id != champion.run_id:
        return [Blocked("gate", f"Gate {gate.pk} compared with another champion than {champion}.", "Gate it again.")]
    return []


def answering_blockers(release: Release) -> list[Blocked]:
    """Why `release` may not answer people, whether it is promoted or rolled back to; empty if it may.

    Consent and exam are looked at themselves, besides the marks, which a worker may not have set yet.
    """
    return marks_of(release) or [*withdrawn_since(release), *_overlapping(release)]


def marks_of(release: Release) -> list[Blocked]:
    """The obstacles that it is marked with."""
    marks = []
    if release.learnt_from_withdrawn_at is not None:
        marks.append(_learnt_withdrawn(release))
    if release.contamination is not None:
        message = f"{release} learnt {release.contamination['rows']} rows of an exam: its gate proves nothing."
        remedy = "Freeze the dataset anew, which leaves them out, and train again."
        marks.append(Blocked("release", message, remedy))
    return marks


def datasets_of(release: Release) -> QuerySet[Dataset]:
    """What it learnt: the dataset of its run, and of every other run that made the very same adapter."""
    made_it = Q(pk=release.run_id) | Q(state=Run.State.FINISHED, adapter_sha256=release.model_sha256)
    return Dataset.objects.filter(pk__in=Run.objects.filter(made_it).values("dataset")).order_by("pk")


def hold_consents(release: Release) -> None:
    """From now to the end of the transaction, nobody whose words it learnt withdraws unseen."""
    for dataset in datasets_of(release):
        hold_consent(dataset)


def withdrawn_since(release: Release) -> list[Blocked]:
    """Whether consent to a row that it learnt has gone, marked or not."""
    return [_learnt_withdrawn(release)] if any(map(withdrawn_rows, datasets_of(release))) else []


def _learnt_withdrawn(release: Release) -> Blocked:
    message = f"{release} learnt from rows whose consent was withdrawn since."
    return Blocked("release", message, "Freeze the dataset anew without them and train again.")


def _overlapping(release: Release) -> list[Blocked]:
    for learnt in datasets_of(release):
        try:
            refuse_exam(learnt)
        except Refused as refused:
            return refused.blockers
    return []
