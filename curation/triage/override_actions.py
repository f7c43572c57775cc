"""What can happen to an override: asked for by a reviewer, answered by another person who is a lead, withdrawn.

PostgreSQL checks roles, the finding and the two people once more, whoever writes.
"""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actions import record
from curation.models import Override
from curation.triage import override_rules, reviewing

State = Override.State


def request_override(case_id: int, check: str, reason: str, *, by: User) -> Override:
    """Ask that one finding be let pass. The case stays as it is until a lead confirms.

    Refused for a check that nobody may override, without a reason, and while the finding has an override.
    """
    return guarded(lambda: _request(case_id, check, reason, by))


def confirm_override(override_id: int, note: str = "", *, by: User) -> Override:
    """Sign as the second person: from now on the finding forbids the case nothing. Raises Refused."""
    return guarded(lambda: _settle(override_id, State.CONFIRMED, note, by))


def decline_override(override_id: int, note: str = "", *, by: User) -> Override:
    """Answer no: the case stays blocked. Raises Refused."""
    return guarded(lambda: _settle(override_id, State.DECLINED, note, by))


def withdraw_override(override_id: int, note: str = "", *, by: User) -> Override:
    """Take a request back, or (a lead) a confirmation: the finding forbids the case again. Raises Refused."""
    return guarded(lambda: _settle(override_id, State.WITHDRAWN, note, by))


def guarded(act: Callable[[], Override]) -> Override:
    """All of it or nothing; what PostgreSQL's guard says is Refused."""
    try:
        with transaction.atomic():
            return act()
    except IntegrityError as problem:
        raise reviewing.refusal_of(problem) from problem


def _request(case_id: int, check: str, reason: str, by: User) -> Override:
    case = reviewing.lock_case(case_id)
    stated_reason = override_rules.reason_given(reason)
    reviewing.check_epoch(case)
    finding = override_rules.finding_of(case, check)
    override_rules.refuse_second(case, finding)
    override = Override.objects.create(case=case, check_name=check, reason=stated_reason, requested_by=by)
    override.refresh_from_db()
    record(
        "override.requested",
        by=by,
        used=[("case", case.pk)],
        generated=[("override", override.pk)],
        detail={"check": check, "epoch": override.epoch, "reason_sha256": override_rules.digest_of(stated_reason)},
    )
    return override


def _settle(override_id: int, state: str, note: str, by: User) -> Override:
    held = override_rules.lock(override_id)
    override_rules.check_settle(held, state, by)
    before = held.state
    held.state, held.settled_by, held.settled_at, held.note = state, by, timezone.now(), note.strip()[:500]
    held.save(update_fields=["state", "settled_by", "settled_at", "note"])
    record(
        f"override.{state}",
        by=by,
        used=[("override", held.pk), ("case", held.case_id)],
        detail={"check": held.check_name, "was": before},
    )
    return held
