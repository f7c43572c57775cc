"""What can happen to releases and the champion: create, promote, roll back. Refused means unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, transaction
from django.db.models import Max

from audit.actions import Ref, record
from cftapp.base.actors import Actor, actor_name
from cftapp.base.locks import lock_until_commit
from cftapp.base.refusal import Blocked, Conflict
from evaluation.models import Gate, Waiver
from serving.models import Promotion, Release, RollBackWaiver
from serving.releases.champion import champion, newest_promotion, predecessor
from serving.releases.eligibility import (
    PromotionBasis,
    answering_blockers,
    hold_consents,
    newest_verdict,
    promotion_blockers,
)
from training.models import Run

LOOK_AGAIN = "Look at the releases again."
MOVED_MEANWHILE = Blocked("champion", "Somebody else moved the champion at the same moment.", LOOK_AGAIN)
SERIALIZATION_FAILURE, UNIQUE_VIOLATION, CHECK_VIOLATION = "40001", "23505", "23514"


@transaction.atomic
def install_base(model_sha256: str, *, by: Actor) -> Release:
    """Make the base model v0 and the first champion. Installing the same model again changes nothing.

    Conflict while another base model is installed.
    """
    lock_until_commit("serving_release")
    installed = Release.objects.filter(number=0).first()
    if installed:
        if installed.model_sha256 == model_sha256:
            return installed
        raise Conflict.because(
            "base_model",
            f"v0 is the model {installed.model_sha256[:16]}, not {model_sha256[:16]}: adapters fit only the base "
            "model they were trained on.",
            "Set CFT_BASE_MODEL back, or start with an empty database.",
        )
    release = Release.objects.create(id=0, number=0, model_sha256=model_sha256)
    promotion = _move_champion(release, Promotion.Reason.INSTALLED, by=by)
    generated: list[Ref] = [("release", release.pk), ("promotion", promotion.pk)]
    record("release.created", by=by, generated=generated, detail=_promotion_detail(promotion))
    return release


@transaction.atomic
def create_release(run: Run, *, by: Actor) -> Release:
    """The release of a finished run, created on the first call. Two runs with the same adapter share one release.

    Conflict while the run has not finished.
    """
    if run.state != Run.State.FINISHED:
        raise Conflict.because("run", f"Run {run.pk} is {run.state}.", "Wait until it has finished.")
    lock_until_commit("serving_release")
    existing = Release.objects.filter(model_sha256=run.adapter_sha256).select_related("run").first()
    if existing:
        return existing
    number = (Release.objects.aggregate(highest=Max("number"))["highest"] or 0) + 1
    # The log names a release by its id: v3 is release 3 there too.
    release = Release.objects.create(id=number, number=number, run=run, model_sha256=run.adapter_sha256)
    release.refresh_from_db()
    used: list[Ref] = [("run", run.pk), ("adapter", run.adapter_sha256)]
    if gate := newest_verdict(run):
        used.append(("gate", gate.pk))
    detail = {"number": release.number, "model_sha256": release.model_sha256}
    record("release.created", by=by, used=used, generated=[("release", release.pk)], detail=detail)
    return release


@transaction.atomic
def promote(release: Release, on: Gate | Waiver, *, by: Actor) -> Promotion:
    """Make `release` the champion on a PASS against the present champion, or on a waiver of two people.

    Conflict, with every reason, while it may not.
    """
    lock_until_commit("serving_promotion")  # the trigger takes the same lock
    basis = _basis(on)
    hold_consents(release)
    release.refresh_from_db(fields=["learnt_from_withdrawn_at", "contamination"])
    if blockers := promotion_blockers(release, basis, champion()) or answering_blockers(release):
        raise Conflict(*blockers)
    promotion = _move_champion(release, Promotion.Reason.PROMOTED, gate=basis.gate, waiver=basis.waiver, by=by)
    used: list[Ref] = [("release", release.pk), ("gate", basis.gate.pk)]
    if basis.waiver:
        used.append(("waiver", basis.waiver.pk))
    _record_move("champion.promoted", promotion, used, by=by)
    return promotion


def _basis(on: Gate | Waiver) -> PromotionBasis:
    if isinstance(on, Gate):
        on.refresh_from_db(fields=["state", "verdict", "champion_run"])
        return PromotionBasis(on)
    if on.confirmed_at is None:
        raise Conflict.because("waiver", "The waiver is not confirmed.", "A second person has to confirm it.")
    return PromotionBasis(on.gate, on)


@transaction.atomic
def roll_back(*, by: Actor, to: Release | None = None, seen: Release | None = None) -> Promotion:
    """Bring an earlier champion back: `to`, or the champion before the present one.

    `seen` is the champion that the person was looking at: a second click does not roll back twice. Conflict if another
    is the champion by now, if there is nothing to roll back to, and, as for a promotion, for what learnt withdrawn
    words or an exam, unless two people have waived that for this one roll-back.
    """
    lock_until_commit("serving_promotion")
    current = champion()
    if seen and seen != current:
        raise Conflict.because("champion", f"{seen} is no longer the champion; {current} is.", LOOK_AGAIN)
    target = to or (predecessor(current) if current else None)
    if target is None:
        raise Conflict.because("release", "There is no earlier champion.", "Promote a release first.")
    if target == current:
        raise Conflict.because("release", f"{target} is the champion already.", "Nothing is left to do.")
    if not target.promotions.exists():
        remedy = "Promote it on its gate, or name an earlier champion."
        raise Conflict.because("release", f"{target} was never the champion.", remedy)
    hold_consents(target)
    target.refresh_from_db(fields=["learnt_from_withdrawn_at", "contamination"])
    waiver = _needed_waiver(target, answering_blockers(target))
    promotion = _move_champion(target, Promotion.Reason.ROLLED_BACK, roll_back_waiver=waiver, by=by)
    used: list[Ref] = [("release", target.pk)]
    if waiver:
        used.append(("roll_back_waiver", waiver.pk))
    _record_move("champion.rolled_back", promotion, used, by=by)
    return promotion


def _needed_waiver(target: Release, blockers: list[Blocked]) -> RollBackWaiver | None:
    """The waiver that lets a marked release answer again; None where nothing is in the way. Conflict without one."""
    if not blockers:
        return None
    waiver = target.roll_back_waivers.against(newest_promotion()).filter(confirmed_by__isnull=False).first()
    if waiver is None:
        remedy = "Roll back to another release; in an emergency, two people may sign a roll-back waiver."
        raise Conflict(*(Blocked(blocked.field, blocked.message, remedy) for blocked in blockers))
    return waiver


def _move_champion(
    release: Release,
    reason: Promotion.Reason,
    *,
    gate: Gate | None = None,
    waiver: Waiver | None = None,
    roll_back_waiver: RollBackWaiver | None = None,
    by: Actor,
) -> Promotion:
    """Append the newest row of the champion's history."""
    with _database_refusals():
        return Promotion.objects.create(
            release=release,
            replaced=newest_promotion(),
            reason=reason,
            gate=gate,
            waiver=waiver,
            roll_back_waiver=roll_back_waiver,
            promoted_by=actor_name(by),
        )


def _record_move(event: str, promotion: Promotion, used: list[Ref], *, by: Actor) -> None:
    generated: list[Ref] = [("promotion", promotion.pk)]
    record(event, by=by, used=used, generated=generated, detail=_promotion_detail(promotion))


def _promotion_detail(promotion: Promotion) -> dict[str, object]:
    release, replaced = promotion.release, promotion.replaced
    return {
        "number": release.number,
        "model_sha256": release.model_sha256,
        "replaced": replaced.release.number if replaced else None,
    }


@contextmanager
def _database_refusals() -> Iterator[None]:
    """Raise a refusal by PostgreSQL's guards as a Conflict."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", "")
        if state in (SERIALIZATION_FAILURE, UNIQUE_VIOLATION):
            raise Conflict(MOVED_MEANWHILE) from error
        if state == CHECK_VIOLATION:
            primary = getattr(getattr(error.__cause__, "diag", None), "message_primary", None) or str(error)
            raise Conflict.because("release", f"{primary[:1].upper()}{primary[1:]}.", LOOK_AGAIN) from error
        raise
