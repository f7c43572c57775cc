"""Who answers now, who answered before, and what stands between a candidate and the champion alias. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass

from cftapp.base.refusal import Blocked
from evaluation.models import Gate, Verdict, Waiver
from serving.models import Promotion, Release
from training.models import Run

PROMOTED_ROWS = (Promotion.Reason.INSTALLED, Promotion.Reason.PROMOTED)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a candidate may be promoted on: its gate, and the waiver where the gate alone does not do."""

    gate: Gate
    waiver: Waiver | None = None


def newest_promotion() -> Promotion | None:
    return Promotion.objects.newest_first().select_related("release__run").first()


def champion() -> Release | None:
    """The release that answers now; None until the base model is installed."""
    newest = newest_promotion()
    return newest.release if newest else None


def champion_run() -> Run | None:
    """The run behind the champion; None while the base model answers."""
    now = champion()
    return now.run if now else None


def predecessor(release: Release) -> Release | None:
    """The champion that `release` took over from when it was last promoted: where one click rolls back to."""
    row = (
        Promotion.objects.filter(release=release, reason__in=PROMOTED_ROWS)
        .newest_first()
        .select_related("replaced__release__run")
        .first()
    )
    return row.replaced.release if row and row.replaced else None


def standing_gate(run: Run) -> Gate | None:
    """The newest gate of a run that has come to a verdict."""
    return run.gates.filter(state=Gate.State.FINISHED).order_by("-id").first()


def tickets_of(releases: Iterable[Release]) -> dict[int, Ticket]:
    """The gate and waiver that a promotion of each release would stand on, whether or not they suffice. One query."""
    by_run = {release.run_id: release.pk for release in releases if release.run_id}
    gates = Gate.objects.filter(run__in=by_run, state=Gate.State.FINISHED).select_related("waiver")
    newest = gates.order_by("run_id", "-id").distinct("run_id")
    return {by_run[gate.run_id]: Ticket(gate, _confirmed(getattr(gate, "waiver", None))) for gate in newest}


def _confirmed(waiver: Waiver | None) -> Waiver | None:
    return waiver if waiver and waiver.confirmed_at else None


def obstacles(release: Release, ticket: Ticket | None, now: Release | None) -> list[Blocked]:
    """Why `release` may not become champion on this ticket; empty if it may.

    A PASS counts against the champion it was measured against, and no other. A waiver confirmed by a second person
    takes the place of the verdict, not of consent, and not of an exam that the candidate has not learnt.
    """
    if now == release:
        return [Blocked("release", f"{release} is the champion already.")]
    if release.run is None:
        return [Blocked("release", "The base model has no gate.", "Roll back to it instead.")]
    if ticket is None or ticket.gate.run_id != release.run_id:
        return [Blocked("gate", f"No gate has examined {release}.", "Open a gate for its run.")]
    if ticket.waiver:
        foreign = [] if ticket.waiver.gate_id == ticket.gate.pk else [_foreign_waiver(ticket)]
        return [*foreign, *_consent_obstacles(release), *_exam_obstacles(release)]
    return [*_gate_obstacles(ticket.gate, now), *_consent_obstacles(release), *_exam_obstacles(release)]


def _foreign_waiver(ticket: Ticket) -> Blocked:
    return Blocked("waiver", f"The waiver is for another gate than gate {ticket.gate.pk}.", "Use that gate's waiver.")


def _gate_obstacles(gate: Gate, now: Release | None) -> list[Blocked]:
    if gate.state != Gate.State.FINISHED:
        return [Blocked("gate", f"Gate {gate.pk} is {gate.state}.", "Wait for its verdict.")]
    if gate.verdict != Verdict.PASS:
        return [
            Blocked(
                "gate",
                f"Gate {gate.pk} says {gate.verdict}.",
                "Train a better candidate, or have two people sign a waiver.",
            )
        ]
    if now and gate.champion_run_id != now.run_id:
        return [
            Blocked("gate", f"Gate {gate.pk} compared with another champion than {now}.", "Gate it again."),
        ]
    return []


def _consent_obstacles(release: Release) -> list[Blocked]:
    if release.learnt_from_withdrawn_at is None:
        return []
    return [
        Blocked(
            "release",
            f"{release} learnt from rows whose consent was withdrawn since.",
            "Freeze the dataset anew without them and train again.",
        )
    ]


def _exam_obstacles(release: Release) -> list[Blocked]:
    if release.contamination is None:
        return []
    return [
        Blocked(
            "release",
            f"{release} learnt {release.contamination['rows']} rows of an exam: its gate proves nothing.",
            "Freeze the dataset anew, which leaves them out, and train again.",
        )
    ]
