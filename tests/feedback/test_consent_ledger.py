import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from feedback.actions import Refused, grant_consent, record_interaction, submit_correction, withdraw_consent
from feedback.models import ConsentEntry, Correction, Subject
from tests.support.wordings import SHOWN


@pytest.fixture
def lesson(shop):
    return record_interaction(shop, "u-1", "p", "a", by="visitor")


def test_unknown_is_no(lesson):
    submit_correction(lesson.pk, replacement="b", by="visitor")
    assert not Correction.objects.consented().exists()


def test_the_newest_line_holds(lesson):
    submit_correction(lesson.pk, replacement="b", consent=SHOWN, by="visitor")
    assert Correction.objects.consented().count() == 1
    withdraw_consent(lesson.subject, by="visitor")
    assert not Correction.objects.consented().exists()
    grant_consent(lesson.subject, wording_version=SHOWN, by="visitor")
    assert Correction.objects.consented().count() == 1
    assert list(ConsentEntry.objects.newest().values_list("decision", flat=True)) == ["granted"]


def test_a_ticked_box_counts_in_the_same_transaction_and_is_one_event(lesson, event_names):
    before = len(event_names())
    submit_correction(lesson.pk, replacement="b", consent=SHOWN, by="visitor")
    assert Subject.objects.consented().count() == 1
    assert event_names()[before:] == ["correction.submitted"]


def test_a_box_left_alone_withdraws_nothing(lesson):
    submit_correction(lesson.pk, replacement="b", consent=SHOWN, by="visitor")
    submit_correction(lesson.pk, replacement="c", consent="", by="visitor")
    assert Correction.objects.consented().count() == 2
    assert ConsentEntry.objects.count() == 1


def test_an_expired_grant_is_none(lesson):
    soon = timezone.now() + timedelta(hours=1)
    grant_consent(lesson.subject, wording_version=SHOWN, expires_at=soon, by="visitor")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT consent_in_force(%(who)s, 'training', %(end)s - interval '1 ms'),"
            " consent_in_force(%(who)s, 'training', %(end)s)",
            {"who": lesson.subject_id, "end": soon},
        )
        assert cursor.fetchone() == (True, False)


def test_a_grant_that_is_past_is_refused(lesson):
    with pytest.raises(Refused, match="expires_at"):
        grant_consent(
            lesson.subject, wording_version=SHOWN, expires_at=timezone.now() - timedelta(days=1), by="visitor"
        )


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_that_waited_for_a_grant_comes_after_it(lesson):
    granted, done = threading.Event(), threading.Event()

    def withdraw_meanwhile() -> None:
        granted.wait()
        withdraw_consent(lesson.subject, by="visitor")
        done.set()
        connections.close_all()

    thread = threading.Thread(target=withdraw_meanwhile)
    thread.start()
    with transaction.atomic():
        grant_consent(lesson.subject, wording_version=SHOWN, by="visitor")
        granted.set()
        assert not done.wait(0.3)  # it waits for this transaction
    thread.join(60)
    assert done.is_set()
    assert not Subject.objects.filter(pk=lesson.subject_id).consented().exists()
