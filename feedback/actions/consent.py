"""The consent ledger: entries are added, never changed; the newest entry of a subject holds."""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audit.actions import record
from cftapp.base.actors import Actor, actor_name
from cftapp.base.locks import lock_all_until_commit, lock_until_commit
from cftapp.base.refusal import Refused
from feedback import consent_text
from feedback.models import ConsentEntry, Subject

GRANTED, WITHDRAWN = ConsentEntry.Decision.GRANTED, ConsentEntry.Decision.WITHDRAWN


@transaction.atomic
def grant_consent(
    subject: Subject,
    *,
    wording_version: str,
    legal_basis: str = ConsentEntry.LegalBasis.CONSENT,
    expires_at: datetime | None = None,
    by: Actor,
) -> ConsentEntry:
    """Record that the subject allows training. Repeating the same grant adds no entry.

    Refused without a wording, and for an expiry that is past.
    """
    if not wording_version:
        raise Refused.because(
            "wording_version", "No wording is named.", "Send the version of the wording that was shown."
        )
    if expires_at and expires_at <= timezone.now():
        message = f"The expiry {expires_at.isoformat()} is past."
        raise Refused.because("expires_at", message, "Send a later time, or leave it out.")
    newest = _newest_locked(subject)
    terms = (GRANTED, wording_version, legal_basis, expires_at)
    if newest and (newest.decision, newest.wording_version, newest.legal_basis, newest.expires_at) == terms:
        return newest
    entry = ConsentEntry.objects.create(
        subject=subject,
        decision=GRANTED,
        wording_version=wording_version,
        legal_basis=legal_basis,
        expires_at=expires_at,
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
        wording_version=newest.wording_version if newest else consent_text.CURRENT.version,
        legal_basis=newest.legal_basis if newest else ConsentEntry.LegalBasis.CONSENT,
        recorded_by=actor_name(by),
    )
    _record("consent.withdrawn", entry, by=by)
    return entry


def accept_wording(subject_ids: Collection[uuid.UUID], *, by: Actor) -> list[ConsentEntry]:
    """Record that these subjects ticked the box beside the current wording, as a part of another action.

    No entry where that grant is in force already, nor after a withdrawal: a correction may arrive long after its box
    was ticked, so to allow training again is a call of its own (`grant_consent`).
    """
    if not subject_ids:
        return []
    lock_all_until_commit({_lock_of(subject_id) for subject_id in subject_ids})
    decisions = ConsentEntry.objects.filter(subject__in=subject_ids, purpose=ConsentEntry.Purpose.TRAINING)
    newest = {entry.subject_id: entry for entry in decisions.newest()}
    version = consent_text.CURRENT.version
    return ConsentEntry.objects.bulk_create(
        ConsentEntry(subject_id=subject_id, decision=GRANTED, wording_version=version, recorded_by=actor_name(by))
        for subject_id in subject_ids
        if _may_be_granted_by_a_box(newest.get(subject_id), version)
    )


def _may_be_granted_by_a_box(newest: ConsentEntry | None, version: str) -> bool:
    if newest is None:
        return True
    return newest.decision == GRANTED and not (newest.wording_version == version and _in_force(newest))


def _in_force(entry: ConsentEntry) -> bool:
    return entry.decision == GRANTED and (entry.expires_at is None or entry.expires_at > timezone.now())


def _newest_locked(subject: Subject) -> ConsentEntry | None:
    """The entry that holds. Decisions on a subject wait for each other: the later decision gets the higher number."""
    lock_until_commit(_lock_of(subject.pk))
    return ConsentEntry.objects.newest_of(subject.pk)


def _lock_of(subject_id: uuid.UUID) -> str:
    """One of 256: a batch may hold a thousand subjects, and PostgreSQL has room for a few thousand locks in all."""
    return f"consent:{subject_id.hex[:2]}"


def _record(name: str, entry: ConsentEntry, *, by: Actor) -> None:
    detail = {"wording_version": entry.wording_version, "legal_basis": entry.legal_basis}
    if entry.expires_at:
        detail["expires_at"] = entry.expires_at.isoformat()
    record(name, by=by, used=[("subject", entry.subject_id)], generated=[("consent", entry.pk)], detail=detail)
