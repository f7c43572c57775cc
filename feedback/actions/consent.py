"""The consent ledger: lines are added, never changed; the newest line of a subject holds."""

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from audit.actions import record
from cftapp.base.actors import Actor, actor_name
from cftapp.base.refusal import Refused
from feedback import consent_text
from feedback.models import ConsentEntry, Subject

TRAINING = ConsentEntry.Purpose.TRAINING
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
    """The subject allows training. Saying the same again adds no line."""
    if not wording_version:
        raise Refused.because("wording_version", "It is not said what was agreed to.", "Name the wording shown.")
    if expires_at and expires_at <= timezone.now():
        raise Refused.because("expires_at", f"{expires_at.isoformat()} is past.", "Send a later time, or none.")
    newest = _newest_locked(subject)
    said = (GRANTED, wording_version, legal_basis, expires_at)
    if newest and (newest.decision, newest.wording_version, newest.legal_basis, newest.expires_at) == said:
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
    """The subject allows training no longer. Without a grant it is an objection, and on record as well."""
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


def accept_wording(subject: Subject, *, by: Actor) -> ConsentEntry | None:
    """Part of another action: the box beside the current wording was ticked. No line where that holds already."""
    newest = _newest_locked(subject)
    if newest and newest.wording_version == consent_text.CURRENT.version and _in_force(newest):
        return None
    return ConsentEntry.objects.create(
        subject=subject, decision=GRANTED, wording_version=consent_text.CURRENT.version, recorded_by=actor_name(by)
    )


def _in_force(entry: ConsentEntry) -> bool:
    return entry.decision == GRANTED and (entry.expires_at is None or entry.expires_at > timezone.now())


def _newest_locked(subject: Subject) -> ConsentEntry | None:
    """The line that holds. Two decisions on one subject wait for each other: the later one gets the higher number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"consent:{subject.pk}"])
    return ConsentEntry.objects.filter(subject=subject, purpose=TRAINING).order_by("-id").first()


def _record(name: str, entry: ConsentEntry, *, by: Actor) -> None:
    detail = {"wording_version": entry.wording_version, "legal_basis": entry.legal_basis}
    if entry.expires_at:
        detail["expires_at"] = entry.expires_at.isoformat()
    record(name, by=by, used=[("subject", entry.subject_id)], generated=[("consent", entry.pk)], detail=detail)
