"""Consent carries the time it was given: whoever withdraws has the last word, however late a grant arrives."""

import contextlib
import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from cftapp.base.refusal import Conflict, Refused
from feedback.actions import grant_consent, record_interaction, submit_correction, withdraw_consent
from feedback.models import ConsentEntry, Correction, Interaction, Source, Subject
from tests.support.servers import wait_until
from tests.support.wordings import SHOWN

HOUR = timedelta(hours=1)


@pytest.fixture
def lesson(shop: Source) -> Interaction:
    return record_interaction(shop, "u-1", "p", "a", by="visitor")


def consents() -> bool:
    return Subject.objects.consented().exists()


def test_a_decision_is_given_now_unless_it_says_when(lesson: Interaction) -> None:
    before, yesterday = timezone.now(), timezone.now() - 24 * HOUR
    assert (
        grant_consent(lesson.subject, wording_version="2026-11", given_at=yesterday, by="visitor").given_at == yesterday
    )
    assert grant_consent(lesson.subject, wording_version=SHOWN, by="visitor").given_at >= before


def test_a_grant_from_before_the_withdrawal_is_a_conflict(lesson: Interaction) -> None:
    given = timezone.now()
    withdraw_consent(lesson.subject, by="visitor")
    with pytest.raises(Conflict, match="decided later"):
        grant_consent(lesson.subject, wording_version=SHOWN, given_at=given, by="visitor")
    assert not consents()
    grant_consent(lesson.subject, wording_version=SHOWN, given_at=timezone.now(), by="visitor")
    assert consents()


@pytest.mark.parametrize("field", ["grant", "box"])
def test_nothing_was_given_in_the_future(lesson: Interaction, field: str) -> None:
    tomorrow = timezone.now() + 24 * HOUR
    with pytest.raises(Refused, match="given_at"):
        if field == "grant":
            grant_consent(lesson.subject, wording_version=SHOWN, given_at=tomorrow, by="visitor")
        else:
            submit_correction(lesson.pk, replacement="b", consent=SHOWN, consent_given_at=tomorrow, by="visitor")
    assert not ConsentEntry.objects.exists() and not Correction.objects.exists()


@pytest.mark.parametrize("hours, grants", [(-1, False), (None, False), (0, True)], ids=["before", "unknown", "after"])
def test_a_box_counts_after_a_withdrawal_only_if_it_was_ticked_later(
    lesson: Interaction, hours: int | None, grants: bool
) -> None:
    withdraw_consent(lesson.subject, by="visitor")
    given_at = None if hours is None else timezone.now() + hours * HOUR
    sent = submit_correction(lesson.pk, replacement="b", consent=SHOWN, consent_given_at=given_at, by="visitor")
    assert Correction.objects.count() == 1
    assert consents() is grants
    assert (sent.consent_note is None) is grants
    if sent.consent_note:
        assert "withdrew" in sent.consent_note.message and "/api/v1/consents/" in sent.consent_note.remedy


def test_an_older_box_changes_nothing_about_a_later_grant(lesson: Interaction) -> None:
    grant_consent(lesson.subject, wording_version=SHOWN, by="visitor")
    old = timezone.now() - HOUR
    sent = submit_correction(lesson.pk, replacement="b", consent="2026-11", consent_given_at=old, by="visitor")
    assert ConsentEntry.objects.get().wording_id == SHOWN and sent.consent_note is None


GRANT = """
INSERT INTO feedback_consententry
    (subject_id, purpose, decision, wording_version, legal_basis, given_at, recorded_at, recorded_by)
VALUES (%s, 'training', %s, %s, 'consent', %s, now(), 'visitor')
"""


def test_postgresql_holds_whoever_writes_to_it(lesson: Interaction) -> None:
    withdraw_consent(lesson.subject, by="visitor")
    with pytest.raises(Exception, match="after this grant was given"), connection.cursor() as cursor:
        cursor.execute(GRANT, [lesson.subject_id, "granted", SHOWN, timezone.now() - HOUR])


def test_postgresql_records_nothing_from_the_future(lesson: Interaction) -> None:
    with pytest.raises(Exception, match="consent_was_not_given_later"), connection.cursor() as cursor:
        cursor.execute(GRANT, [lesson.subject_id, "granted", SHOWN, timezone.now() + HOUR])


@pytest.mark.django_db(transaction=True)
def test_a_late_grant_waits_for_a_withdrawal_that_is_on_its_way(lesson: Interaction, connect_as: Any) -> None:
    withdrawing, granting = connect_as("web"), connect_as("web")
    now, refused = timezone.now(), threading.Event()

    def grant() -> None:
        with contextlib.suppress(psycopg.errors.RestrictViolation):
            granting.execute(GRANT, [lesson.subject_id, "granted", SHOWN, now - HOUR])
            return
        refused.set()

    with withdrawing.transaction():
        withdrawing.execute(GRANT, [lesson.subject_id, "withdrawn", SHOWN, now])
        thread = threading.Thread(target=grant)
        thread.start()
        wait_until(lambda: waits(granting))
    thread.join(60)
    assert refused.is_set() and not consents()


def waits(other: psycopg.Connection) -> bool:
    """Whether this connection waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [other.info.backend_pid])
        return cursor.fetchone() is not None
