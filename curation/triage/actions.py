"""What a reviewer does with a case: claim, decide, undo. One event each; a lease is no change of state."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actions import Ref, record
from curation.checks.identity import row_hash
from curation.models import Case, Pair
from curation.triage import reviewing
from feedback.actions import list_by_verdict
from feedback.models import Correction


@transaction.atomic
def claim_next_case(user: User, kind: str | None = None, after: int | None = None, words: str = "") -> Case | None:
    """Lease the next case to the user: the one they hold, else the oldest free one; None if there is none.

    Only of this kind, and only where the question holds these words.

    With `after`, that case is let go and the next one behind it is taken: from the start again at the end, and the
    same one if there is no other. Cases that the user opened and passed are among the next.
    """
    now = timezone.now()
    open_cases = Case.objects.with_feedback().of_kind(kind).asking(words).order_by("id")
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
def claim_case(user: User, case_id: int) -> Case:
    """Lease one case to the user for five minutes, or renew it; refused while somebody else holds it."""
    case = reviewing.lock_case(case_id)
    now = timezone.now()
    reviewing.check_claim(case, user, now)
    return reviewing.lease(case, user, now)


def decide_case(case_id: int, verdict: str, *, by: User) -> Case:
    """Give a verdict (accepted, taste, bug, rejected) on a case that `by` holds; acceptance makes its pair.

    Refused if the lease has gone to somebody else, if a blocker forbids acceptance, or if the case was screened under
    an epoch that is no longer the current one. PostgreSQL checks consent and the rest once more.
    """
    try:
        with transaction.atomic():
            return _decide(case_id, verdict, by)
    except IntegrityError as problem:
        raise reviewing.refusal_of(problem) from problem


def _decide(case_id: int, verdict: str, by: User) -> Case:
    case = reviewing.lock_case(case_id)
    reviewing.check_verdict(case, verdict, by)
    now = timezone.now()
    case.state, case.verdict, case.decided_by, case.decided_at = Case.State.DECIDED, verdict, by, now
    case.lead_seconds = (now - case.claimed_at).total_seconds() if case.claimed_at else None
    case.leased_by = case.lease_expires_at = case.claimed_at = None
    case.save(update_fields=[*REVIEW_FIELDS, *LEASE_FIELDS])
    generated: list[Ref] = [("pair", _accept(case, by).pk)] if verdict == Case.Verdict.ACCEPTED else []
    bug = list_by_verdict(case.feedback.pk, is_bug=verdict == Case.Verdict.BUG)
    generated += [("bug", bug.pk)] if bug else []
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


def _accept(case: Case, by: User) -> Pair:
    """The pair of an accepted correction: new, or the one that was undone before."""
    correction = case.correction
    assert correction is not None and case.screened_epoch is not None  # check_verdict
    now = {"state": Pair.State.ACCEPTED, "accepted_by": by, "accepted_at": timezone.now()}
    pair, _ = Pair.objects.update_or_create(
        correction=correction,
        defaults={**now, "screened_epoch": case.screened_epoch},
        create_defaults={
            **now,
            "screened_epoch": case.screened_epoch,
            "subject": case.subject,
            **words_of(correction),
        },
    )
    return pair


def words_of(correction: Correction) -> dict[str, str]:
    """The words of the pair, word for word those that people wrote, and their hash."""
    interaction = correction.interaction
    words = {
        "prompt": interaction.prompt,
        "chosen": correction.replacement,
        "rejected": interaction.answer,
        "conversation": interaction.conversation,
        "chosen_message": correction.replacement_message,
        "rejected_message": interaction.answer_message,
    }
    return words | {"row_hash": row_hash(*words.values())}


@transaction.atomic
def undo_verdict(case_id: int, *, by: User) -> Case:
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
    bug = list_by_verdict(case.feedback.pk, is_bug=case.kind == "bug_report")
    used: list[Ref] = [("case", case.pk)]
    used += [("pair", pair.pk)] if pair else []
    used += [("bug", bug.pk)] if bug else []
    record("case.reopened", by=by, used=used, detail={"verdict": undone})
    return case
