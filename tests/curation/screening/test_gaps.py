"""The sweep finds feedback without a case, and looks through everything only now and then."""

from contextlib import suppress
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from curation.models import Case
from curation.screening.tasks import Gaps
from feedback.models import Correction

MINUTE = timedelta(minutes=1)


def older(correction, by):
    """The time at which a row was given never changes; here it must, so the guard looks away."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        Correction.objects.filter(pk=correction.pk).update(created_at=timezone.now() - by)
        cursor.execute("SET session_replication_role = DEFAULT")


def test_the_first_look_is_at_everything(corrected):
    older(corrected(), timedelta(days=30))
    Gaps().close(timezone.now())
    assert Case.objects.count() == 1


def test_later_looks_are_at_what_is_new_and_what_may_have_been_on_its_way(corrected):
    now, gaps = timezone.now(), Gaps()
    gaps.close(now)
    older(corrected("One?"), timedelta(days=1))
    older(corrected("Two?"), 10 * MINUTE)
    corrected("Three?")
    with CaptureQueriesContext(connection) as queries:
        gaps.close(now + MINUTE)
    assert Case.objects.count() == 2
    looks = [
        query["sql"] for query in queries if 'FROM "feedback_correction"' in query["sql"] and "IS NULL" in query["sql"]
    ]
    assert looks and all('"created_at" >=' in look for look in looks)


def test_once_an_hour_everything_is_looked_through_again(corrected):
    now, gaps = timezone.now(), Gaps()
    gaps.close(now)
    older(corrected(), timedelta(days=1))  # such as a database that was restored under a running worker
    gaps.close(now + 59 * MINUTE)
    assert Case.objects.count() == 0
    gaps.close(now + 60 * MINUTE)
    assert Case.objects.count() == 1


def test_a_look_that_failed_counts_for_nothing(corrected, monkeypatch):
    gaps = Gaps()
    with monkeypatch.context() as patch:
        patch.setattr("curation.screening.actions.open_missing_cases", lambda *_, **__: 1 / 0)
        with suppress(ZeroDivisionError):
            gaps.close(timezone.now())
    older(corrected(), timedelta(days=1))
    gaps.close(timezone.now())
    assert Case.objects.count() == 1
