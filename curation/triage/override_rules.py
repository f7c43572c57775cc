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
    finding = Blocker.objects.with_found().filter(case=case, check_name=check, blocking=True).first()
    if finding is None:
        raise Conflict.because("check", f"No finding {check[:40]!r} stops case {case.pk}.", "Look at the case again.")
    if finding.found is None:
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
    in_force = case.overrides.in_force().with_found().select_related("requested_by")
    if held := by_finding([finding], in_force).get(finding.check_name):
        raise Conflict.because(
            "check", f"{held.requested_by.get_username()} asked for this already.", f"It is {held.state}."
        )


def lock(override_id: int) -> Override:
    """The override, locked behind its case, as a verdict locks it."""
    case_id = Override.objects.filter(pk=override_id).values_list("case_id", flat=True).first()
    if case_id is None:
        raise Refused.because("override", f"There is no override {override_id}.", "Look at the list again.")
    Case.objects.select_for_update().get(pk=case_id)
    overrides = Override.objects.with_found().select_related("requested_by")
    return overrides.select_for_update(of=("self",)).get(pk=override_id)


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
    """Whether what stops the case now is what it was asked for, or part of that."""
    findings = Blocker.objects.with_found().filter(case=held.case_id, check_name=held.check_name, blocking=True)
    finding = findings.first()
    return finding is not None and covers(held, finding)


def covers(held: Override, finding: Blocker) -> bool:
    """Whether it was asked for all that the check found now. Both come with what was found."""
    return held.check_name == finding.check_name and finding.found is not None and set(finding.found) <= set(held.found)


def by_finding(findings: Iterable[Blocker], overrides: Iterable[Override]) -> dict[str, Override]:
    """Check → the override that covers what it found, a confirmed one before one that is asked for."""
    ordered = sorted(overrides, key=lambda override: override.state != State.CONFIRMED)
    override_of = {
        finding.check_name: next((override for override in ordered if covers(override, finding)), None)
        for finding in findings
        if finding.blocking
    }
    return {check: override for check, override in override_of.items() if override is not None}


def digest_of(reason: str) -> str:
    """What the log and a report keep of a reason: words may be personal, and can be erased from their one place."""
    return sha256(reason.encode()).hexdigest()
