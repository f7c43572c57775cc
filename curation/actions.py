"""What can happen to a case, a pair and a dataset: every write of this app, each with its one audit event."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from audit.actions import record
from audit.refusal import Refused
from curation import freezing, rescanning, reviewing, screener
from curation.models import KINDS, Case, Dataset, Pair, RegistryEpoch, ReplayRow, ScreeningPolicy
from curation.rows import row_hash
from feedback.models import Subject

if TYPE_CHECKING:
    from curation.registry import Registry


# --- opening and screening --------------------------------------------------------------------------------------------
@transaction.atomic
def open_case(kind: str, feedback_id: object, *, followers: int = 0, by: object) -> Case:
    """Open the case of one piece of feedback; the same call again returns the same case and changes nothing.

    With `followers`, up to so many of its kind that came after it get theirs in the same event.
    """
    if kind not in KINDS:
        raise Refused.because("kind", f"{kind!r} is no kind of feedback.", f"One of {', '.join(KINDS)}.")
    case, opened = screener.get_or_open(kind, feedback_id, followers)
    if opened:
        record(
            "case.opened" if len(opened) == 1 else "cases.opened",
            by=by,
            used=[(kind, getattr(one, f"{kind}_id")) for one in opened],
            generated=[("case", one.pk) for one in opened],
        )
    return case


@transaction.atomic
def open_missing_cases(limit: int, *, since: datetime | None = None, by: object) -> int:
    """Open cases for feedback that has none, oldest first (a doorbell was lost, or rows were imported): how many.

    With `since`, only feedback given from then on is looked at.
    """
    cases = screener.open_missing(limit, since)
    if cases:
        record("cases.opened", by=by, generated=[("case", case.pk) for case in cases])
    return len(cases)


@transaction.atomic
def screen_case(case_id: int, registry: "Registry", *, by: object) -> Case | None:
    """Screen one case under the registry's epoch; None if another worker holds it or nothing is left to do."""
    cases = screener.lock([case_id])
    if not cases or cases[0].state == Case.State.DECIDED and cases[0].verdict != Case.Verdict.ACCEPTED:
        return None
    blocked, recalled = screener.screen(cases, registry)
    record(
        "case.screened",
        by=by,
        used=[("case", case_id), ("epoch", registry.number)],
        detail={
            "blocked": bool(blocked),
            "recalled": len(recalled),
            "checks": screener.count_checks(blocked),
            "frozen": rescanning.count_frozen(screener.overlapping(blocked)),
        },
    )
    return cases[0]


@transaction.atomic
def screen_arrived(case_id: int, limit: int, registry: "Registry", *, by: object) -> int:
    """Screen a case that waits, and with it up to `limit` - 1 others that do. Returns how many: 0 where another worker
    holds it, or has screened it meanwhile, and nothing else waits.
    """
    return _screen_batch(screener.lock_arrived(limit, first=case_id), registry, by)


@transaction.atomic
def screen_waiting(limit: int, registry: "Registry", *, without: Collection[int] = (), by: object) -> int:
    """Screen a batch in full: cases that wait, then open and accepted ones whose older findings do not hold any more
    (another policy, another normaliser, blocked by an item that may be gone). Returns how many.

    Rows that another worker holds are skipped, so several screeners share the work; so are the cases `without`.
    """
    return _screen_batch(screener.lock_waiting(limit, registry.number, without), registry, by)


@transaction.atomic
def screen_freed(limit: int, registry: "Registry", *, without: Collection[int] = (), by: object) -> int:
    """Screen again a batch of duplicates whose kept one does not train any more. Returns how many."""
    return _screen_batch(screener.lock_freed(limit, without), registry, by)


def _screen_batch(cases: Sequence[Case], registry: "Registry", by: object) -> int:
    if not cases:
        return 0
    blocked, recalled = screener.screen(cases, registry)
    record(
        "cases.screened",
        by=by,
        used=[("epoch", registry.number), *(("case", case.pk) for case in cases)],
        detail={
            "screened": len(cases),
            "blocked": len(blocked),
            "recalled": len(recalled),
            "checks": screener.count_checks(blocked),
            "frozen": rescanning.count_frozen(screener.overlapping(blocked)),
        },
    )
    return len(cases)


@transaction.atomic
def rescan_cases(limit: int, registry: "Registry", *, without: Collection[int] = (), by: object) -> int:
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
def sign_cases(after: int, limit: int, *, by: object) -> int | None:
    """Make the signatures that corrections behind `after` lack: the last case looked at, None behind the last one."""
    signed = screener.sign_unsigned(after, limit)
    if signed:
        record("cases.signed", by=by, detail={"signed": len(signed), "first": signed[0], "last": signed[-1]})
    return signed[-1] if signed else None


@transaction.atomic
def rescreen_subjects(subject_ids: Sequence[UUID | str], *, by: object) -> int:
    """Send open cases of subjects back to screening where consent is not any more what it found. Returns how many."""
    consented = Subject.objects.consented().filter(pk__in=subject_ids).values("pk")
    outdated = Q(subject__in=consented, findings__blocking=True) | (
        ~Q(subject__in=consented) & Q(findings__blocking=False)
    )
    found = Case.objects.filter(
        outdated, findings__check_name="consent", subject_id__in=subject_ids, state=Case.State.OPEN
    )
    cases = dict(found.select_for_update(of=("self",)).order_by("pk").values_list("pk", "subject_id"))
    if cases:
        Case.objects.filter(pk__in=cases).update(state=Case.State.WAITING)
        subjects = [("subject", subject) for subject in sorted(set(cases.values()))]
        record("cases.recalled", by=by, used=[*subjects, *(("case", pk) for pk in cases)])
    return len(cases)


@transaction.atomic
def screen_replay_rows(limit: int, registry: "Registry", *, without: Collection[int] = (), by: object) -> int:
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


# --- review: a lease is no change of state, so claiming is not audited ------------------------------------------------
@transaction.atomic
def claim_next_case(user: Any, kind: str | None = None, after: int | None = None) -> Case | None:
    """Lease the next case to the user: the one they hold, else the oldest free one; None if there is none.

    With `after`, that case is let go and the next one behind it is taken: from the start again at the end, and the
    same one if there is no other. Cases that the user opened and passed are among the next.
    """
    now = timezone.now()
    open_cases = Case.objects.with_feedback().of_kind(kind).order_by("id")
    if after is None:
        held = open_cases.reviewable().held_by(user, now).select_for_update(of=("self",)).first()
        if held is not None:
            return reviewing.lease(held, user, now)
    else:
        Case.objects.filter(pk=after, leased_by=user, state=Case.State.OPEN).update(
            leased_by=None, lease_expires_at=None, claimed_at=None
        )
    free = open_cases.claimable_by(user, now).select_for_update(skip_locked=True, of=("self",))
    case = free.filter(pk__gt=after or 0).first() or (after and free.filter(pk__lte=after).first())
    return reviewing.lease(case, user, now) if case else None


@transaction.atomic
def claim_case(user: Any, case_id: int) -> Case:
    """Lease one case to the user for five minutes, or renew it; refused while somebody else holds it."""
    case = reviewing.lock_case(case_id)
    now = timezone.now()
    reviewing.check_claim(case, user, now)
    return reviewing.lease(case, user, now)


def decide_case(case_id: int, verdict: str, *, by: Any) -> Case:
    """Give a verdict (accepted, taste, bug, rejected) on a case that `by` holds; acceptance makes its pair.

    Refused if the lease has gone to somebody else, if a blocker forbids acceptance, or if the case was screened under
    an epoch that is no longer the current one. PostgreSQL checks consent and the rest once more.
    """
    try:
        with transaction.atomic():
            return _decide(case_id, verdict, by)
    except IntegrityError as problem:
        raise reviewing.refusal_of(problem) from problem


def _decide(case_id: int, verdict: str, by: Any) -> Case:
    case = reviewing.lock_case(case_id)
    reviewing.check_verdict(case, verdict, by)
    now = timezone.now()
    case.state, case.verdict, case.decided_by, case.decided_at = Case.State.DECIDED, verdict, by, now
    case.lead_seconds = (now - case.claimed_at).total_seconds() if case.claimed_at else None
    case.leased_by = case.lease_expires_at = case.claimed_at = None
    case.save(update_fields=[*REVIEW_FIELDS, *LEASE_FIELDS])
    generated = [("pair", _accept(case, by).pk)] if verdict == Case.Verdict.ACCEPTED else []
    record(
        "case.decided",
        by=by,
        used=[(case.kind, case.feedback.pk), ("case", case.pk)],
        generated=generated,
        detail={"verdict": verdict, "epoch": case.screened_epoch},
    )
    return case


REVIEW_FIELDS = ["state", "verdict", "decided_by", "decided_at", "lead_seconds"]
LEASE_FIELDS = ["leased_by", "lease_expires_at", "claimed_at"]


def _accept(case: Case, by: Any) -> Pair:
    """The pair of an accepted correction: new, or the one that was undone before."""
    correction = case.correction
    assert correction is not None and case.screened_epoch is not None  # check_verdict
    told = correction.interaction
    now = {"state": Pair.State.ACCEPTED, "accepted_by": by, "accepted_at": timezone.now()}
    pair, _ = Pair.objects.update_or_create(
        correction=correction,
        defaults={**now, "screened_epoch": case.screened_epoch},
        create_defaults={
            **now,
            "screened_epoch": case.screened_epoch,
            "subject": case.subject,
            "prompt": told.prompt,
            "chosen": correction.replacement,
            "rejected": told.answer,
            "row_hash": row_hash(told.prompt, correction.replacement, told.answer),
        },
    )
    return pair


@transaction.atomic
def undo_verdict(case_id: int, *, by: Any) -> Case:
    """Take back one of the last ten verdicts of `by` and hold the case again.

    Refused for an older verdict, another's, or one whose pair is frozen into a dataset.
    """
    case = reviewing.lock_case(case_id)
    pair = reviewing.check_undo(case, by)
    undone = case.verdict
    case.state, case.verdict, case.decided_by, case.decided_at = Case.State.OPEN, "", None, None
    case.lead_seconds = None
    case.save(update_fields=REVIEW_FIELDS)
    reviewing.lease(case, by, timezone.now())
    if pair is not None and pair.state == Pair.State.ACCEPTED:
        pair.state = Pair.State.UNDONE
        pair.save(update_fields=["state"])
    used = [("case", case.pk)] + ([("pair", pair.pk)] if pair else [])
    record("case.reopened", by=by, used=used, detail={"verdict": undone})
    return case


# --- pairs, replay rows, epochs, datasets -----------------------------------------------------------------------------
@transaction.atomic
def withdraw_pairs(subject_id: UUID | str, *, by: object) -> int:
    """Stop every pair of a subject without consent in force from training. Returns how many were stopped."""
    if Subject.objects.consented().filter(pk=subject_id).exists():
        return 0
    pairs = list(Pair.objects.accepted().filter(subject_id=subject_id).locked().values_list("pk", flat=True))
    if pairs:
        Pair.objects.filter(pk__in=pairs).update(state=Pair.State.WITHDRAWN)
        record("pairs.withdrawn", by=by, used=[("subject", subject_id), *(("pair", pk) for pk in pairs)])
    return len(pairs)


@transaction.atomic
def withdraw_unconsented(*, by: object) -> int:
    """Stop every accepted pair whose subject has no consent in force any more (it ran out, or a doorbell was lost)."""
    pairs = list(Pair.objects.accepted().unconsented().select_for_update(skip_locked=True).values_list("pk", "subject"))
    if pairs:
        Pair.objects.filter(pk__in=[pk for pk, _ in pairs]).update(state=Pair.State.WITHDRAWN)
        subjects = [("subject", subject) for subject in sorted({subject for _, subject in pairs})]
        record("pairs.withdrawn", by=by, used=[*subjects, *(("pair", pk) for pk, _ in pairs)])
    return len(pairs)


@transaction.atomic
def import_replay_rows(rows: Iterable[Mapping[str, Any]], *, by: object) -> int:
    """Add rows of what the base model already knows; rows that are there already are left alone. Returns how many.

    Each row has `skill`, `prompt`, `answer` and perhaps `is_refusal` (by default: whether the skill is "refusal").
    They wait for the screener before they train.
    """
    made = {one.row_hash: one for one in map(freezing.replay_row, rows)}
    known = set(ReplayRow.objects.filter(row_hash__in=list(made)).values_list("row_hash", flat=True))
    fresh = [one for key, one in made.items() if key not in known]
    if fresh:
        ReplayRow.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=2000)
        root = freezing.root_of_hashes([one.row_hash for one in fresh])
        record("replay.imported", by=by, detail={"rows": len(fresh), "root": root})
    return len(fresh)


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
    by: object,
) -> RegistryEpoch:
    """Make a registry snapshot, under the newest policy, the current epoch: from now on only rows screened under it are
    claimable and train. `snapshot_number`: the snapshot's, where it is another than the epoch's. `comparable_since`:
    the oldest epoch that measured alike, where there is one: rows screened since then meet the newer items only. A
    policy that was saved meanwhile measures otherwise.
    """
    current, policy = RegistryEpoch.objects.current(), ScreeningPolicy.objects.first()
    if current is not None and number <= current.number:
        raise Refused.because(
            "number", f"Epoch {number} does not follow epoch {current.number}.", f"At least {current.number + 1}."
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


def freeze_dataset(name: str, recipe: Mapping[str, Any], *, by: Any) -> Dataset:
    """Select pairs and replay rows by a recipe (`curation.recipe`) into an immutable dataset.

    Every row's consent and epoch are checked again; what falls out is in the report with its reason. Refused if the
    recipe is not understood or nothing is left.
    """
    try:
        with transaction.atomic():
            return _freeze(name, recipe, by)
    except IntegrityError as problem:
        raise reviewing.refusal_of(problem) from problem


def _freeze(name: str, recipe: Mapping[str, Any], by: Any) -> Dataset:
    plan = freezing.plan(freezing.parsed(recipe), lock=True)
    if not name.strip():
        raise Refused.because("name", "A dataset needs a name.", "Such as 'Week 47 corrections'.")
    if not plan.rows:
        raise Refused.because("recipe", "No row is left to freeze.", plan.why_empty())
    freezing.refuse_too_little_replay(plan)
    dataset = freezing.store(name.strip(), plan, by)
    pairs = [("pair", row.pair_id) for row in plan.rows if row.pair_id]
    record(
        "dataset.frozen",
        by=by,
        used=[*pairs, ("epoch", plan.epoch)],
        generated=[("dataset", dataset.pk)],
        detail={
            "root": dataset.merkle_root,
            "pairs": dataset.pair_count,
            "replay": dataset.replay_count,
            "report_sha256": dataset.report_sha256,
        },
    )
    return dataset
