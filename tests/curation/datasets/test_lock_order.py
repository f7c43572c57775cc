"""Who locks many pairs does so in one order, so a freeze, a withdrawal and a screening cannot wait for each other."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from curation.datasets import freezing
from curation.datasets.recipe import Recipe
from curation.models import Case, Pair
from curation.screening import actions as screening_actions
from feedback.actions import withdraw_consent
from serving.releases.marking import mark_withdrawal
from tests.curation.conftest import TEST

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


def withdraw(pair, world):
    screening_actions.withdraw_pairs(pair.subject_id, by=TEST)


def mark(pair, world):
    mark_withdrawal(pair.subject_id, by=TEST)


def rescreen(pair, world):
    Case.objects.update(screened_epoch=0)
    screening_actions.screen_waiting(10, world.registry, by=TEST)


def in_thread(work, *args):
    problems = []

    def run():
        try:
            work(*args)
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, problems


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


@pytest.mark.parametrize("work", [withdraw, mark, rescreen])
def test_a_freeze_meets_another_who_locks_the_same_pairs(world, rosa, work):
    pairs = [world.accepted(rosa, f"What is question number {n}?", right=f"It is {n}.") for n in range(6)]
    now = timezone.now()
    for place, pair in enumerate(pairs):  # the order of a freeze is not the order on disk
        Pair.objects.filter(pk=pair.pk).update(accepted_at=now - timedelta(minutes=place))
    if work is not rescreen:
        withdraw_consent(pairs[0].subject, by=TEST)
    with transaction.atomic():
        first = Pair.objects.order_by("accepted_at").first()
        Pair.objects.select_for_update().get(pk=first.pk)
        thread, problems = in_thread(work, pairs[0], world)
        deadline = time.monotonic() + 60
        while not waits_for_a_lock() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert waits_for_a_lock()
        assert len(freezing.pairs_in_window(Recipe(), lock=True)) == 6
    thread.join(60)
    assert problems == []
