"""What screening changes: cases opened, screened and recalled, pairs withdrawn, an epoch adopted. One event each."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from audit.actions import record
from cftapp.base.actors import Actor
from cftapp.base.refusal import Refused
from curation.models import KINDS, Case, Pair, RegistryEpoch, ScreeningPolicy
from curation.screening import gathering, rescanning
from feedback.models import Subject

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry


@transaction.atomic
def open_case(kind: str, feedback_id: object, *, followers: int = 0, by: Actor) -> Case:
    """Open the case of one piece of feedback; the same call again returns the same case and changes nothing.

    With `followers`, up to so many of its kind that came after it get theirs in the same event.
    """
    if kind not in KINDS:
        raise Refused.because("kind", f"{kind!r} is no kind of feedback.", f"Give one of: {', '.join(KINDS)}.")
    case, opened = gathering.get_or_open(kind, feedback_id, followers)
    if opened:
        record(
            "case.opened" if len(opened) == 1 else "cases.opened",
            by=by,
            used=[(kind, getattr(new_case, f"{kind}_id")) for new_case in opened],
            generated=[("case", new_case.pk) for new_case in opened],
        )
    return case


@transaction.atomic
def open_missing_cases(limit: int, *, since: datetime | None = None, by: Actor) -> int:
    """Open cases for feedback that has none, oldest first (a doorbell was lost, or rows were imported): how many.

    With `since`, only feedback given from then on is looked at.
    """
    cases = gathering.open_missing(limit, since)
    if cases:
        record("cases.opened", by=by, generated=[("case", case.pk) for case in cases])
    return len(cases)


@transaction.atomic
def screen_case(case_id: int, registry: "Registry", *, by: Actor) -> Case | None:
    """Screen one case under the registry's epoch; None if another worker holds it or nothing is left to do."""
    cases = gathering.lock([case_id])
    if not cases or cases[0].state == Case.State.DECIDED and cases[0].verdict != Case.Verdict.ACCEPTED:
        return None
    blocked, recalled = gathering.screen(cases, registry)
    record(
        "case.screened",
        by=by,
        used=[("case", case_id), ("epoch", registry.number)],
        detail={
            "blocked": bool(blocked),
            "recalled": len(recalled),
            "checks": gathering.count_checks(blocked),
            "frozen": rescanning.count_frozen(gathering.overlapping(blocked)),
        },
    )
    return cases[0]


@transaction.atomic
def screen_arrived(case_id: int, limit: int, registry: "Registry", *, by: Actor) -> int:
    """Screen a case that waits, and with it up to `limit` - 1 others that do. Returns how many: 0 where another worker
    holds it, or has screened it meanwhile, and nothing else waits.
    """
    return _screen_batch(gathering.lock_arrived(limit, first=case_id), registry, by)


@transaction.atomic
def screen_waiting(limit: int, registry: "Registry", *, without: Collection[int] = (), by: Actor) -> int:
    """Screen a batch in full: cases that wait, then open and accepted ones whose older findings do not hold any more
    (another policy, another normaliser, blocked by an item that may be gone). Returns how many.

    Rows that another worker holds are skipped, so several screeners share the work; so are the cases `without`.
    """
    return _screen_batch(gathering.lock_waiting(limit, registry.number, without), registry, by)


@transaction.atomic
def screen_freed(limit: int, registry: "Registry", *, without: Collection[int] = (), by: Actor) -> int:
    """Screen again a batch of duplicates whose kept one does not train any more. Returns how many."""
    return _screen_batch(gathering.lock_freed(limit, without), registry, by)


def _screen_batch(cases: Sequence[Case], registry: "Registry", by: Actor) -> int:
    if not cases:
        return 0
    blocked, recalled = gathering.screen(cases, registry)
    record(
        "cases.screened",
        by=by,
        used=[("epoch", registry.number), *(("case", case.pk) for case in cases)],
        detail={
            "screened": len(cases),
            "blocked": len(blocked),
            "recalled": len(recalled),
            "checks": gathering.count_checks(blocked),
            "frozen": rescanning.count_frozen(gathering.overlapping(blocked)),
        },
    )
    return len(cases)


@transaction.atomic
def rescan_cases(limit: int, registry: "Registry", *, without: Collection[int] = (), by: Actor) -> int:
    """Compare a batch of open and accepted cases with the items that came since they were screened. Returns how many.

    The rest of what was found about them stays. Cases for which that is not enough are `screen_waiting`'s.
    """
    cases = rescanning.lock_met_before(limit, registry.number, without)
    if not cases:
        return 0
    blocked = rescanning.rescan(cases, registry)
    record(
        "cases.rescanned",
        by=by,
        used=[("epoch", registry.number), *(("case", pk) for pk in cases)],
        detail={
            "since": min(cases.values()),
            "screened": len(cases),
            "blocked": len(blocked),
            "frozen": rescanning.count_frozen(blocked),
        },
    )
    return len(cases)


@transaction.atomic
def sign_cases(after: int, limit: int, *, by: Actor) -> int | None:
    """Make the signatures that corrections behind `after` lack: the last case looked at, None behind the last one."""
    signed = gathering.sign_unsigned(after, limit)
    if signed:
        record("cases.signed", by=by, detail={"signed": len(signed), "first": signed[0], "last": signed[-1]})
    return signed[-1] if signed else None


@transaction.atomic
def rescreen_subjects(subject_ids: Sequence[UUID | str], *, by: Actor) -> int:
    """Send open cases of subjects back to screening where consent is not any more what it found. Returns how many."""
    consented = Subject.objects.consented().filter(pk__in=subject_ids).values("pk")
    outdated = Q(subject__in=consented, findings__blocking=True) | (
        ~Q(subject__in=consented) & Q(findings__blocking=False)
    )
    outdated_cases = Case.objects.filter(
        outdated, findings__check_name="consent", subject_id__in=subject_ids, state=Case.State.OPEN
    )
    cases = dict(outdated_cases.select_for_update(of=("self",)).order_by("pk").values_list("pk", "subject_id"))
    if cases:
        Case.objects.filter(pk__in=cases).update(state=Case.State.WAITING)
        subjects = [("subject", subject) for subject in sorted(set(cases.values()))]
        record("cases.recalled", by=by, used=[*subjects, *(("case", pk) for pk in cases)])
    return len(cases)


@transaction.atomic
def screen_replay_rows(limit: int, registry: "Registry", *, without: Collection[int] = (), by: Actor) -> int:
    """Check a batch of replay rows that the registry's epoch has not seen. Returns how many."""
    rows = rescanning.lock_replay_rows(limit, registry.number, without)
    if not rows:
        return 0
    overlapping = rescanning.screen_replay(rows, registry)
    record(
        "replay.screened",
        by=by,
        used=[("epoch", registry.number)],
        detail={
            "screened": len(rows),
            "overlapping": len(overlapping),
            "first": rows[0].pk,
            "last": rows[-1].pk,
            "frozen": rescanning.count_frozen(replay_rows=overlapping),
        },
    )
    return len(rows)


@transaction.atomic
def withdraw_pairs(subject_id: UUID | str, *, by: Actor) -> int:
    """Stop every pair of a subject without consent in force from training. Returns how many were stopped."""
    if Subject.objects.consented().filter(pk=subject_id).exists():
        return 0
    pairs = list(Pair.objects.accepted().filter(subject_id=subject_id).locked().values_list("pk", flat=True))
    if pairs:
        Pair.objects.filter(pk__in=pairs).update(state=Pair.State.WITHDRAWN)
        record("pairs.withdrawn", by=by, used=[("subject", subject_id), *(("pair", pk) for pk in pairs)])
    return len(pairs)


@transaction.atomic
def withdraw_unconsented(*, by: Actor) -> int:
    """Stop every accepted pair whose subject has no consent in force any more (it ran out, or a doorbell was lost)."""
    pairs = list(Pair.objects.accepted().unconsented().select_for_update(skip_locked=True).values_list("pk", "subject"))
    if pairs:
        Pair.objects.filter(pk__in=[pk for pk, _ in pairs]).update(state=Pair.State.WITHDRAWN)
        subjects = [("subject", subject) for subject in sorted({subject for _, subject in pairs})]
        record("pairs.withdrawn", by=by, used=[*subjects, *(("pair", pk) for pk, _ in pairs)])
    return len(pairs)


@transaction.atomic
def adopt_epoch(
    number: int,
    sha256: str,
    items: int,
    unprotected: int,
    normaliser: str,
    *,
    snapshot_number: int | None = None,
    comparable_since: int | None = None,
    by: Actor,
) -> RegistryEpoch:
    """Make a registry snapshot, under the newest policy, the current epoch: from now on only rows screened under it are
    claimable and train. `snapshot_number`: the snapshot's, where it is another than the epoch's. `comparable_since`:
    the oldest epoch that measured alike, where there is one: rows screened since then meet the newer items only. A
    policy that was saved meanwhile measures otherwise.
    """
    current, policy = RegistryEpoch.objects.current(), ScreeningPolicy.objects.first()
    if current is not None and number <= current.number:
        raise Refused.because(
            "number", f"Epoch {number} does not follow epoch {current.number}.", f"Give at least {current.number + 1}."
        )
    epoch = RegistryEpoch.objects.create(
        number=number,
        snapshot_number=number if snapshot_number is None else snapshot_number,
        comparable_since=comparable_since if current and current.policy == policy else None,
        policy=policy,
        sha256=sha256,
        items=items,
        unprotected_items=unprotected,
        normaliser=normaliser,
    )
    record(
        "epoch.adopted",
        by=by,
        used=[("policy", epoch.policy_id)] if epoch.policy_id else [],
        generated=[("epoch", number)],
        detail={
            "sha256": sha256,
            "items": items,
            "unprotected": unprotected,
            "normaliser": normaliser,
            "snapshot": epoch.snapshot_number,
            "policy": epoch.policy_version,
        },
    )
    return epoch
