"""What can happen to a release: it is created, promoted, rolled back to. Refused means unchanged."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, connection, transaction
from django.db.models import Max

from audit.actions import Ref, record
from cftapp.base.actors import Actor, actor_name
from cftapp.base.refusal import Blocked, Refused
from curation.datasets.freezing import refuse_exam
from curation.models import Dataset, Pair
from evaluation.models import Gate, Waiver
from serving.models import Promotion, Release
from serving.releases import champion as alias
from serving.releases import contamination, withdrawal
from serving.releases.champion import Ticket
from serving.releases.contamination import Spread
from serving.releases.withdrawal import Reach, SubjectId
from training.models import Run

MOVED_MEANWHILE = Blocked(
    "champion", "Somebody else moved the champion at the same moment.", "Look at the releases again."
)


@transaction.atomic
def install_base(model_sha256: str, *, by: Actor) -> Release:
    """Make the base model v0 and the first champion. Installing the same model again changes nothing."""
    _lock("serving_release")
    installed = Release.objects.filter(number=0).first()
    if installed:
        if installed.model_sha256 == model_sha256:
            return installed
        raise Refused.because(
            "base_model",
            f"v0 is the model {installed.model_sha256[:16]}, not {model_sha256[:16]}: adapters fit only the base "
            "model they were trained on.",
            "Set CFT_BASE_MODEL back, or start with an empty database.",
        )
    release = Release.objects.create(id=0, number=0, model_sha256=model_sha256)
    _move(
        release, Promotion.Reason.INSTALLED, None, by=by, event="release.created", generated=[("release", release.pk)]
    )
    return release


@transaction.atomic
def create_release(run: Run, *, by: Actor) -> Release:
    """The release of a finished run, created on the first call. Two runs with the same adapter share one release."""
    if run.state != Run.State.FINISHED:
        raise Refused.because("run", f"Run {run.pk} is {run.state}.", "Wait until it has finished.")
    _lock("serving_release")
    known = Release.objects.filter(model_sha256=run.adapter_sha256).select_related("run").first()
    if known:
        return known
    highest = Release.objects.aggregate(highest=Max("number"))["highest"]
    number = (highest or 0) + 1
    # The log names a release by its id: v3 is release 3 there too.
    release = Release.objects.create(id=number, number=number, run=run, model_sha256=run.adapter_sha256)
    release.refresh_from_db()
    used: list[Ref] = [("run", run.pk), ("adapter", run.adapter_sha256)]
    if gate := alias.standing_gate(run):
        used.append(("gate", gate.pk))
    record(
        "release.created",
        by=by,
        used=used,
        generated=[("release", release.pk)],
        detail={"number": release.number, "model_sha256": release.model_sha256},
    )
    return release


@transaction.atomic
def promote(release: Release, ticket: Gate | Waiver, *, by: Actor) -> Promotion:
    """Make `release` the champion on a PASS against the present champion, or on a waiver of two people."""
    _lock("serving_promotion")
    if isinstance(ticket, Waiver):
        if ticket.confirmed_at is None:
            raise Refused.because("waiver", "The waiver is not confirmed.", "A second person has to confirm it.")
        shown = Ticket(ticket.gate, ticket)
    else:
        ticket.refresh_from_db(fields=["state", "verdict", "champion_run"])
        shown = Ticket(ticket)
    release.refresh_from_db(fields=["learnt_from_withdrawn_at", "contamination"])
    if blockers := alias.obstacles(release, shown, alias.champion()):
        raise Refused(*blockers)
    if release.run is not None:
        refuse_exam(release.run.dataset)  # rows that nobody has marked, or compared, yet
    used: list[Ref] = [("gate", shown.gate.pk)]
    if shown.waiver:
        used.append(("waiver", shown.waiver.pk))
    return _move(release, Promotion.Reason.PROMOTED, shown, by=by, event="champion.promoted", used=used)


@transaction.atomic
def roll_back(*, by: Actor, to: Release | None = None, seen: Release | None = None) -> Promotion:
    """Bring an earlier champion back: the one before the present one, or the one named.

    `seen` is the champion that the person was looking at: a second click does not roll back twice.
    """
    _lock("serving_promotion")
    now = alias.champion()
    if seen and seen != now:
        raise Refused.because("champion", f"{seen} is no longer the champion; {now} is.", "Look at the releases again.")
    target = to or (alias.predecessor(now) if now else None)
    if target is None:
        raise Refused.because("release", "There is no earlier champion.", "Promote a release first.")
    if target == now:
        raise Refused.because("release", f"{target} is the champion already.", "Nothing is left to do.")
    if not target.promotions.exists():
        raise Refused.because(
            "release", f"{target} was never the champion.", "Promote it on its gate, or name an earlier champion."
        )
    return _move(target, Promotion.Reason.ROLLED_BACK, None, by=by, event="champion.rolled_back")


def _move(
    release: Release,
    reason: Promotion.Reason,
    ticket: Ticket | None,
    *,
    by: Actor,
    event: str,
    used: list[Ref] | None = None,
    generated: list[Ref] | None = None,
) -> Promotion:
    """Append the newest row of the champion's history and its one audit event."""
    newest = alias.newest_promotion()
    with _refusals():
        promotion = Promotion.objects.create(
            release=release,
            replaced=newest,
            reason=reason,
            gate=ticket.gate if ticket else None,
            waiver=ticket.waiver if ticket else None,
            promoted_by=actor_name(by),
        )
    record(
        event,
        by=by,
        used=[*([] if generated else [("release", release.pk)]), *(used or [])],
        generated=[*(generated or []), ("promotion", promotion.pk)],
        detail={
            "number": release.number,
            "model_sha256": release.model_sha256,
            "replaced": newest.release.number if newest else None,
        },
    )
    return promotion


@contextmanager
def _refusals() -> Iterator[None]:
    """PostgreSQL's no, in the words of a refusal."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", "")
        if state in ("40001", "23505"):
            raise Refused(MOVED_MEANWHILE) from error
        if state == "23514":
            primary = getattr(getattr(error.__cause__, "diag", None), "message_primary", None) or str(error)
            raise Refused.because("release", primary, "Look at the releases again.") from error
        raise


def _lock(name: str) -> None:
    """Until the end of the transaction, no other transaction passes here. The trigger takes the same lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])


@transaction.atomic
def mark_withdrawal(subject_id: SubjectId, *, by: Actor) -> Reach:
    """Mark everything that learnt from a subject who withdrew consent: pairs, datasets, runs, releases.

    Idempotent: what is marked already keeps its time, and a call that finds nothing new records nothing. Rows that
    come later (a run of a marked dataset, its release) are born marked by a trigger; `sweep` finds the rest.
    """
    _lock(f"withdrawal:{subject_id}")
    entry = withdrawal.standing_withdrawal(subject_id)
    if entry is None:
        return Reach([], [], [], [])
    reach = withdrawal.reach_of(subject_id)
    if not reach:
        return reach
    Pair.objects.filter(pk__in=reach.pairs).update(state=Pair.State.WITHDRAWN)
    for model, marked in ((Dataset, reach.datasets), (Run, reach.runs), (Release, reach.releases)):
        model.objects.filter(pk__in=marked).update(learnt_from_withdrawn_at=entry.recorded_at)
    used: list[Ref] = [("subject", subject_id), ("consent", entry.pk)]
    kinds: dict[str, Sequence[object]] = {
        "pair": reach.pairs,
        "dataset": reach.datasets,
        "run": reach.runs,
        "release": reach.releases,
    }
    used += [(kind, pk) for kind, marked in kinds.items() for pk in marked]
    record("withdrawal.marked", by=by, used=used, detail={kind: len(marked) for kind, marked in kinds.items()})
    return reach


@transaction.atomic
def mark_contamination(dataset_id: int, *, by: Actor) -> Spread | None:
    """Mark a dataset that holds rows which are an exam's items today, and the runs, gates and releases on it.

    Where none are left (the item left the exam, or two people overrode the finding) the mark is taken off. Idempotent:
    a call that finds nothing new writes and records nothing. Rows that come later are born marked by triggers.
    """
    dataset = Dataset.objects.select_for_update().filter(pk=dataset_id).first()
    if dataset is None:
        return None
    spread = contamination.spread_of(dataset, contamination.found_now().get(dataset_id))
    if not spread:
        return None
    places = contamination.places(spread)
    for model, ids in places.values():
        model._default_manager.filter(pk__in=ids).update(contamination=spread.mark)
    mark = spread.mark or {}
    used: list[Ref] = [("epoch", mark["epoch"])] if mark else []
    used += [("pair", pk) for pk in spread.pairs]
    used += [(kind, pk) for kind, (_, ids) in places.items() for pk in ids or ([dataset_id] * (kind == "dataset"))]
    detail = {kind: len(ids) for kind, (_, ids) in places.items()}
    told = {"rows": mark.get("rows", 0), "benchmarks": mark.get("benchmarks", {})}
    record("contamination.found" if mark else "contamination.cleared", by=by, used=used, detail={**detail, **told})
    return spread
