"""Two promotions at the same moment: one wins, the other is refused, and the history is a line."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from audit.models import Event
from cftapp.base.refusal import Conflict, Refused
from serving.models import Promotion
from serving.releases.actions import promote, roll_back
from serving.releases.champion import champion
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*functions):
    """What each function returns or raises, run in its own thread and connection from a common start."""
    start = Barrier(len(functions))

    def run(function):
        start.wait()
        try:
            return function()
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def test_one_of_several_candidates_wins():
    serving_rows.base_release()
    pool = [serving_rows.candidate() for _ in range(4)]
    results = at_once(*[lambda pair=pair: promote(*pair, by="process:test") for pair in pool])
    promotions = [result for result in results if isinstance(result, Promotion)]
    refusals = [result for result in results if isinstance(result, Conflict)]
    assert (len(promotions), len(refusals)) == (1, 3)
    assert all("another champion" in str(refusal) for refusal in refusals)
    assert champion() == promotions[0].release
    assert Event.objects.filter(name="champion.promoted").count() == 1


def test_two_clicks_roll_back_once():
    serving_rows.base_release()
    first, gate = serving_rows.candidate()
    promote(first, gate, by="process:test")
    second, gate = serving_rows.candidate(champion_run=first.run)
    promote(second, gate, by="process:test")
    results = at_once(*[lambda: roll_back(by="process:test", seen=second)] * 3)
    assert sum(isinstance(result, Promotion) for result in results) == 1
    assert champion() == first
    history = list(Promotion.objects.order_by("id").values_list("id", "replaced_id"))
    assert history == [(1, None), (2, 1), (3, 2), (4, 3)]
