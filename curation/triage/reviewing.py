"""Who holds which case: leases, and what stands between a case and its verdict. Locks rows, changes nothing."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError

from cftapp.base.refusal import Blocked, Conflict, Forbidden, Refused
from curation.models import Blocker, Case, DatasetRow, Pair, RegistryEpoch

LEASE = timedelta(minutes=5)
UNDO_DEPTH = 10
ACCEPTED = Case.Verdict.ACCEPTED
OWN = "You filed it, or its words are yours."

REMEDIES = {
    Blocker.Check.CONSENT: "Ask the person for consent to training; the case is screened again when it comes.",
    Blocker.Check.ENVIRONMENT: "Only rows that began in production train.",
    Blocker.Check.PERSONAL_DATA: "Ask for a correction without personal data.",
    Blocker.Check.SECRET: "Ask for a correction without the secret, and have the secret replaced.",
    Blocker.Check.OVERLAP: "Reject it: it is part of an exam. If it is not, ask a lead for an override.",
    Blocker.Check.DUPLICATE: "Reject it: the first of its kind is kept.",
    Blocker.Check.AUTHOR_SHARE: "Wait until others have contributed, or reject it.",
    Blocker.Check.COMMENTARY: "Retype it, or ask for the answer itself. If it is one, ask a lead for an override.",
    Blocker.Check.TEACHES_NOTHING: "Reject it, or ask for the answer that it should have been.",
    Blocker.Check.LENGTH: "Reject it, or ask for a correction that the base can read: the finding says what it cannot.",
    Blocker.Check.REFERENCE: "Reject it, or leave it open: what is not text is not learnt yet.",
    Blocker.Check.UNKNOWN_TOOL: "Reject it, or ask for a correction that calls what the conversation offers.",
    Blocker.Check.KIND: "Retype or reject it: only a correction holds a replacement.",
}


def lock_case(case_id: int) -> Case:
    """The case, locked until the end of the transaction."""
    case = Case.objects.with_feedback().select_for_update(of=("self",)).filter(pk=case_id).first()
    if case is None:
        raise Refused.because("case", f"There is no case {case_id}.", "Take the next one.")
    return case


def lease(case: Case, user: User, now: datetime) -> Case:
    """Give the case to the user for LEASE, or renew what they hold."""
    renewed = case.leased_by_id == user.pk and case.claimed_at is not None and not expired(case, now)
    case.leased_by = user
    case.lease_expires_at = now + LEASE
    if not renewed:
        case.claimed_at = now
    case.save(update_fields=["leased_by", "lease_expires_at", "claimed_at"])
    return case


def expired(case: Case, now: datetime) -> bool:
    return case.lease_expires_at is None or case.lease_expires_at <= now


def check_claim(case: Case, user: User, now: datetime) -> None:
    """Refuse unless the case can be given to this user."""
    if case.state == Case.State.WAITING:
        raise Conflict.because("case", f"Case {case.pk} is not screened yet.", "It opens within seconds.")
    if case.state == Case.State.DECIDED:
        raise Conflict.because("case", f"Case {case.pk} has a verdict: {case.verdict}.", "Take the next one.")
    check_epoch(case)
    if case.leased_by_id not in (None, user.pk) and not expired(case, now):
        raise Conflict.because("case", f"Somebody else is reviewing case {case.pk}.", "Take the next one.")


def check_epoch(case: Case) -> None:
    current = RegistryEpoch.objects.current()
    if current is None or case.screened_epoch != current.number:
        raise Conflict.because(
            "epoch",
            f"Case {case.pk} was screened under epoch {case.screened_epoch}, which is not the current one.",
            "It is being screened again; take the next one.",
        )


def check_verdict(case: Case, verdict: str, user: User) -> None:
    """Refuse a verdict of somebody who does not hold the case, or one that a blocker forbids."""
    if verdict not in Case.Verdict.values:
        raise Refused.because(
            "verdict", f"{verdict!r} is no verdict.", f"Give one of: {', '.join(Case.Verdict.values)}."
        )
    if case.state == Case.State.DECIDED:
        raise Conflict.because("case", f"Case {case.pk} already has a verdict: {case.verdict}.", "Undo that one first.")
    if case.state == Case.State.WAITING:
        raise Conflict.because("case", f"Case {case.pk} is not screened yet.", "It opens within seconds.")
    if case.leased_by_id != user.pk:
        raise Conflict.because("case", f"You do not hold case {case.pk} any more.", "Open it again to claim it.")
    check_epoch(case)
    if verdict == ACCEPTED:
        check_owner(case, user)
        check_blockers(case)


def check_owner(case: Case, user: User) -> None:
    if is_own(case, user):
        raise Forbidden.because("case", OWN, "Another reviewer decides whether it trains.")


def is_own(case: Case, user: User) -> bool:
    """Whether this person filed it, or gave the words: as the account, as a visitor, or by its name at the source.

    One query, for a case that comes `with_feedback`.
    """
    filed = case.feedback
    return (
        filed.filed_by_id == user.pk
        or case.subject.is_known_as(filed.interaction.source, user.username, user.email)
        or case.subject.accounts.filter(account=user).exists()
    )


def check_blockers(case: Case) -> None:
    reasons = [
        Blocked(b.check_name, b.message or b.get_check_name_display(), REMEDIES[Blocker.Check(b.check_name)])
        for b in Blocker.objects.stopping().filter(case=case).order_by("id")
    ]
    if case.correction_id is None and not reasons:
        reasons = [Blocked("kind", "Only a correction can be accepted.", REMEDIES[Blocker.Check.KIND])]
    if reasons:
        raise Conflict(*reasons)


def check_undo(case: Case, user: User) -> Pair | None:
    """Refuse unless this is among the user's newest verdicts and nothing was built on it; returns its pair, locked."""
    newest = Case.objects.decided_by_last(user, UNDO_DEPTH)
    if case.pk not in [recent.pk for recent in newest.only("pk")]:
        raise Conflict.because(
            "case", f"Case {case.pk} is not among your last {UNDO_DEPTH} verdicts.", "Ask a lead to look at it."
        )
    if case.verdict != ACCEPTED:
        return None
    pair = Pair.objects.select_for_update().get(correction=case.correction_id)
    row = DatasetRow.objects.filter(pair=pair).order_by("dataset_id").first()
    if row is not None:
        raise Conflict.because(
            "pair",
            f"Its pair is frozen into dataset {row.dataset_id}, which never changes.",
            "Leave it out of the next dataset: name the pair in the recipe's `exclude`.",
        )
    return pair


def refusal_of(problem: IntegrityError) -> Conflict:
    """What PostgreSQL's guard said about the state of things, as actions say it; other errors stay errors."""
    diag = getattr(problem.__cause__, "diag", None)
    if diag is None or diag.sqlstate != "23001":
        raise problem
    return Conflict.because("database", str(diag.message_primary), "Nothing was changed.")
