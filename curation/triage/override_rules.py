"""What stands between a case and an override, and which override stands for which finding. Locks rows, changes none."""

from collections.abc import Iterable
from hashlib import sha256

from django.contrib.auth.models import User

from cftapp.base.accounts import has_role
from cftapp.base.refusal import Conflict, Forbidden, Refused
from curation.models import Blocker, Case, Override

LONGEST_REASON = 2_000
State = Override.State


def finding_of(case: Case, check: str) -> Blocker:
    """The finding of this check that stops the case. Raises Refused where there is none that people may override."""
    finding = Blocker.objects.with_substance().filter(case=case, check_name=check, blocking=True).first()
    if finding is None:
        raise Conflict.because("check", f"No finding {check[:40]!r} stops case {case.pk}.", "Look at the case again.")
    if finding.substance is None:
        name = finding.get_check_name_display()
        raise Refused.because("check", f"“{name}” as found here cannot be overridden.", "Remove its cause, or reject.")
    return finding


def reason_given(reason: str) -> str:
    stated = reason.strip()
    if not stated:
        raise Refused.because("reason", "An override needs a reason.", "Say why this row is no leak.")
    if len(stated) > LONGEST_REASON:
        raise Refused.because(
            "reason", f"The reason has {len(stated)} characters.", f"Shorten it to {LONGEST_REASON:,}."
        )
    return stated


def refuse_second(case: Case, finding: Blocker) -> None:
    """One override a finding: the second reviewer, and the second click, hear of the first."""
    first = Override.objects.in_force().filter(case=case, check_name=finding.check_name, substance=finding.substance)
    if held := first.select_related("requested_by").first():
        raise Conflict.because(
            "check", f"{held.requested_by.get_username()} asked for this already.", f"It is {held.state}."
        )


def lock(override_id: int) -> Override:
    """The override, locked behind its case, as a verdict locks it."""
    case_id = Override.objects.filter(pk=override_id).values_list("case_id", flat=True).first()
    if case_id is None:
        raise Refused.because("override", f"There is no override {override_id}.", "Look at the list again.")
    Case.objects.select_for_update().get(pk=case_id)
    return Override.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=override_id)


def check_settle(held: Override, state: str, by: User) -> None:
    """Refuse what is settled already, a lead's own request, and a request for what stops the case no more."""
    if held.state != State.REQUESTED and not (held.state == State.CONFIRMED and state == State.WITHDRAWN):
        raise Conflict.because("override", f"It is {held.state} already.", "Nothing is left to do.")
    own = held.requested_by_id == by.pk
    if state == State.WITHDRAWN:
        if not (own and held.state == State.REQUESTED) and not has_role(by, "lead"):
            raise Forbidden.because("override", "You did not ask for it.", "Who asked, or a lead, withdraws it.")
        return
    if own:
        raise Forbidden.because("override", "You asked for it yourself.", "Another person, a lead, must answer.")
    if not has_role(by, "lead"):
        raise Forbidden.because("override", "Only a lead answers an override.", "Ask a lead.")
    if state == State.CONFIRMED and not stands_for(held):
        raise Conflict.because(
            "override", f"What stops case {held.case_id} now is not what this was asked for.", "Decline it."
        )


def stands_for(held: Override) -> bool:
    """Whether the finding it was asked for is what stops the case now."""
    findings = Blocker.objects.with_substance().filter(case=held.case_id, check_name=held.check_name, blocking=True)
    finding = findings.first()
    return finding is not None and finding.substance == held.substance


def by_finding(findings: Iterable[Blocker], overrides: Iterable[Override]) -> dict[str, Override]:
    """Check → the override, asked for or confirmed, of that very finding. The findings come with their substance."""
    by_substance: dict[tuple[str, str | None], Override] = {
        (override.check_name, override.substance): override for override in overrides
    }
    override_of = {
        finding.check_name: by_substance.get((finding.check_name, finding.substance))
        for finding in findings
        if finding.blocking
    }
    return {check: override for check, override in override_of.items() if override is not None}


def digest_of(reason: str) -> str:
    """What the log and a report keep of a reason: words may be personal, and can be erased from their one place."""
    return sha256(reason.encode()).hexdigest()
