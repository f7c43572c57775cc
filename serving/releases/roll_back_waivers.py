"""What can happen to a roll-back waiver: two people bring a marked release back in an emergency. One event each."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from audit.actions import record
from cftapp.base.accounts import has_role
from cftapp.base.locks import lock_until_commit
from cftapp.base.refusal import Conflict, Forbidden, Refused
from serving.models import Release, RollBackWaiver
from serving.releases.champion import newest_promotion
from serving.releases.eligibility import answering_blockers

ASK = ("engineer", "lead")
CONFIRM = ("lead", "compliance")
LONGEST_REASON = 2_000


@transaction.atomic
def request_roll_back_waiver(release: Release, reason: str, *, by: User) -> RollBackWaiver:
    """The first of two people takes responsibility for bringing a marked release back. Nothing moves yet.

    Refused without a reason; Conflict for a release that never was champion, is it now, needs no waiver, or has one.
    """
    stated = _stated(reason)
    if not has_role(by, *ASK):
        raise Forbidden.because("release", "Only an engineer or a lead asks for this.", "Ask one of them.")
    lock_until_commit("serving_promotion")
    newest = newest_promotion()
    if newest is None or not release.promotions.exists():
        raise Conflict.because("release", f"{release} was never the champion.", "Name an earlier champion.")
    if newest.release_id == release.pk:
        raise Conflict.because("release", f"{release} is the champion already.", "Nothing is left to do.")
    release.refresh_from_db(fields=["learnt_from_withdrawn_at", "contamination"])
    if not answering_blockers(release):
        raise Conflict.because("release", f"Nothing forbids {release} to answer.", "Roll back to it without a waiver.")
    waiver, created = RollBackWaiver.objects.get_or_create(
        release=release, replaces=newest, defaults={"reason": stated, "requested_by": by}
    )
    if not created:
        raise Conflict.because(
            "release", f"A waiver for {release} was requested already.", "A second person confirms it."
        )
    record(
        "roll_back_waiver.requested",
        by=by,
        used=[("release", release.pk), ("promotion", newest.pk)],
        generated=[("roll_back_waiver", waiver.pk)],
        detail={"number": release.number},
    )
    return waiver


def _stated(reason: str) -> str:
    stated = reason.strip()
    if not stated:
        raise Refused.because("reason", "A waiver needs a reason.", "Say why it must answer again all the same.")
    if len(stated) > LONGEST_REASON:
        raise Refused.because(
            "reason", f"The reason has {len(stated)} characters.", f"Shorten it to {LONGEST_REASON:,}."
        )
    return stated


@transaction.atomic
def confirm_roll_back_waiver(waiver: RollBackWaiver, *, by: User) -> RollBackWaiver:
    """The second person signs: from now on one roll-back to the release is possible, while the champion stays the same.

    Forbidden to the first person, and without the role; Conflict once it is signed, or the champion has moved.
    """
    lock_until_commit("serving_promotion")
    held = RollBackWaiver.objects.select_for_update(of=("self",)).select_related("release").get(pk=waiver.pk)
    if held.requested_by_id == by.pk:
        raise Forbidden.because("waiver", "You requested it yourself.", "Another person must confirm.")
    if not has_role(by, *CONFIRM):
        raise Forbidden.because("waiver", "Only a lead or compliance confirms this.", "Ask one of them.")
    if held.is_confirmed:
        raise Conflict.because("waiver", "It is confirmed already.", "Nothing is left to do.")
    newest = newest_promotion()
    if newest is None or held.replaces_id != newest.pk:
        raise Conflict.because("waiver", "The champion has moved since it was requested.", "Request another one.")
    RollBackWaiver.objects.filter(pk=held.pk).update(confirmed_by=by, confirmed_at=Now())
    held.refresh_from_db()
    used = [("roll_back_waiver", held.pk), ("release", held.release_id)]
    record("roll_back_waiver.confirmed", by=by, used=used, detail={"number": held.release.number})
    return held
