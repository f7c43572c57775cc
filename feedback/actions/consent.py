"""The consent ledger: entries are added, never changed; the newest entry of a subject holds.

Whoever withdraws has the last word: a grant that was given before a withdrawal adds nothing, however late it arrives.
"""

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.utils import timezone

from audit.actions import record
from cftapp.base.actors import Actor, actor_name
from cftapp.base.locks import lock_all_until_commit, lock_until_commit
from cftapp.base.refusal import Blocked, Conflict, Refused
from feedback.models import CLOCKS_DIFFER, ConsentEntry, ConsentWording, Source, Subject
from feedback.models.consent import VERSION

GRANTED, WITHDRAWN = ConsentEntry.Decision.GRANTED, ConsentEntry.Decision.WITHDRAWN
WHERE_TO_READ = "Read the published wordings at /api/v1/consent-wordings/, and send the version that was shown."


@dataclass(frozen=True, slots=True)
class Agreement:
    """A ticked box: whose, beside which wording, and when. A time that nobody names is later than no withdrawal."""

    subject_id: uuid.UUID
    wording: str
    given_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What ticked boxes came to: entries of the ledger, and why some boxes count for nothing, by their place."""

    entries: list[ConsentEntry]
    notes: dict[int, Blocked]


@transaction.atomic
def grant_consent(
    subject: Subject,
    *,
    wording_version: str,
    legal_basis: str = ConsentEntry.LegalBasis.CONSENT,
    expires_at: datetime | None = None,
    given_at: datetime | None = None,
    by: Actor,
) -> ConsentEntry:
    """Record that the subject allows training. Repeating the same grant adds no entry.

    `given_at`: when it said so; now, where that is not named. Refused for a wording that is not published, for an
    expiry that is past and a time in the future; Conflict where the subject decided later than that.
    """
    if blocked := blocked_wording(subject.source, wording_version, "wording_version") or blocked_time(given_at):
        raise Refused(blocked)
    if expires_at and expires_at <= timezone.now():
        message = f"The expiry {expires_at.isoformat()} is past."
        raise Refused.because("expires_at", message, "Send a later time, or leave it out.")
    newest = _newest_locked(subject)
    terms = (GRANTED, wording_version, legal_basis, expires_at)
    if newest and (newest.decision, newest.wording_id, newest.legal_basis, newest.expires_at) == terms:
        return newest
    if newest and given_at and given_at <= newest.given_at:
        message = f"The subject decided later, on {_written(newest.given_at)}."
        raise Conflict.because("given_at", message, "Ask again, and send a fresh grant.")
    entry = ConsentEntry.objects.create(
        subject=subject,
        decision=GRANTED,
        wording_id=wording_version,
        legal_basis=legal_basis,
        expires_at=expires_at,
        given_at=_at_most_now(given_at),
        recorded_by=actor_name(by),
    )
    _record("consent.granted", entry, by=by)
    return entry


@transaction.atomic
def withdraw_consent(subject: Subject, *, by: Actor) -> ConsentEntry:
    """Record that the subject allows training no longer. Without a grant it is an objection, and on record as well."""
    newest = _newest_locked(subject)
    if newest and newest.decision == WITHDRAWN:
        return newest
    entry = ConsentEntry.objects.create(
        subject=subject,
        decision=WITHDRAWN,
        wording_id=newest.wording_id if newest else ConsentWording.objects.current(subject.source).pk,
        legal_basis=newest.legal_basis if newest else ConsentEntry.LegalBasis.CONSENT,
        recorded_by=actor_name(by),
    )
    _record("consent.withdrawn", entry, by=by)
    return entry


def accept_wordings(agreements: Sequence[Agreement], *, by: Actor) -> Acceptance:
    """Record boxes that were ticked, as a part of another action that has asked `blocked_wording` and `blocked_time`.

    No entry where that grant is in force already, nor for a box that was ticked before a withdrawal or nobody knows
    when: a correction may arrive long after its box was ticked.
    """
    if not agreements:
        return Acceptance([], {})
    newest = _newest_all_locked({agreement.subject_id for agreement in agreements})
    notes = {
        place: note for place, one in enumerate(agreements) if (note := _outdated(one, newest.get(one.subject_id)))
    }
    # The last box of each subject counts: that of the latest time, or the last that was sent.
    counting = [one for place, one in enumerate(agreements) if place not in notes]
    counting.sort(key=lambda one: (one.subject_id, _at_most_now(one.given_at)))
    latest = {one.subject_id: one for one in counting}
    entries = [
        ConsentEntry(
            subject_id=one.subject_id,
            decision=GRANTED,
            wording_id=one.wording,
            given_at=_at_most_now(one.given_at),
            recorded_by=actor_name(by),
        )
        for one in latest.values()
        if _adds(one, newest.get(one.subject_id))
    ]
    return Acceptance(ConsentEntry.objects.bulk_create(entries), notes)


def _outdated(agreement: Agreement, newest: ConsentEntry | None) -> Blocked | None:
    """Why this box counts for nothing; None if it counts, or if nobody has to care, because consent is in force."""
    if newest is None or newest.decision != WITHDRAWN or (agreement.given_at and agreement.given_at > newest.given_at):
        return None
    since = "after this consent was given" if agreement.given_at else "and nobody says that this consent came later"
    message = f"The subject withdrew on {_written(newest.given_at)}, {since}: nothing is granted."
    return Blocked("consent", message, "If the person allows it again, send that to POST /api/v1/consents/.")


def _adds(agreement: Agreement, newest: ConsentEntry | None) -> bool:
    """Whether a box that counts says more than the ledger does."""
    if newest is None:
        return True
    if agreement.given_at and agreement.given_at <= newest.given_at:
        return False
    return not (newest.is_in_force and newest.wording_id == agreement.wording)


# --- what a box must say ---
def blocked_wording(source: Source, version: str, field: str = "consent") -> Blocked | None:
    """Why this is not a wording that the source may show; None if it is."""
    is_shown = re.fullmatch(VERSION, version) and ConsentWording.objects.shown_by(source).filter(pk=version).exists()
    return None if is_shown else unknown_wording(version, field)


def unknown_wording(version: str, field: str = "consent") -> Blocked:
    named = f"There is no wording {version!r} that this source shows." if version else "No wording is named."
    return Blocked(field, named, WHERE_TO_READ)


def blocked_time(given_at: datetime | None, field: str = "given_at") -> Blocked | None:
    """Why consent cannot have been given then; None if it can."""
    if given_at is None or given_at <= timezone.now() + CLOCKS_DIFFER:
        return None
    return Blocked(field, f"{_written(given_at)} is in the future.", "Send when the person agreed.")


def _at_most_now(given_at: datetime | None) -> datetime:
    now = timezone.now()
    return min(given_at, now) if given_at else now


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


# --- the entries that hold ---
def _newest_locked(subject: Subject) -> ConsentEntry | None:
    """The entry that holds. Decisions on a subject wait for each other: the later decision gets the higher number."""
    lock_until_commit(_lock_of(subject.pk))
    return ConsentEntry.objects.newest_of(subject.pk)


def _newest_all_locked(subject_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, ConsentEntry]:
    lock_all_until_commit({_lock_of(subject_id) for subject_id in subject_ids})
    decisions = ConsentEntry.objects.filter(subject__in=subject_ids, purpose=ConsentEntry.Purpose.TRAINING)
    return {entry.subject_id: entry for entry in decisions.newest()}


def _lock_of(subject_id: uuid.UUID) -> str:
    """One of 256: a batch may hold a thousand subjects, and PostgreSQL has room for a few thousand locks in all."""
    return f"consent:{subject_id.hex[:2]}"


def _record(name: str, entry: ConsentEntry, *, by: Actor) -> None:
    detail = {
        "wording_version": entry.wording_id,
        "legal_basis": entry.legal_basis,
        "given_at": entry.given_at.isoformat(),
    }
    if entry.expires_at:
        detail["expires_at"] = entry.expires_at.isoformat()
    record(name, by=by, used=[("subject", entry.subject_id)], generated=[("consent", entry.pk)], detail=detail)
