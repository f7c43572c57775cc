"""Two promotions at the same moment: one wins, the other is refused, and the history is a line."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from audit.models import Event
from cftapp.base.refusal import Refused
from serving.models import Promotion
from serving.releases.actions import promote, roll_back
from serving.releases.champion import champion
from tests.support import world

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works):
    """Run every work in its own thread and connection from a common start; what each returned or raised."""
    start = Barrier(len(works))

    def run(work):
        start.wait()
        try:
            return work()
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_one_of_several_candidates_wins():
    world.base()
    pool = [world.candidate() for _ in range(4)]
    done = at_once(*[lambda pair=pair: promote(*pair, by="process:test") for pair in pool])
    won = [one for one in done if isinstance(one, Promotion)]
    lost = [one for one in done if isinstance(one, Refused)]
    assert (len(won), len(lost)) == (1, 3)
    assert all("another champion" in str(one) for one in lost)
    assert champion() == won[0].release
    assert Event.objects.filter(name="champion.promoted").count() == 1


def test_two_clicks_roll_back_once():
    world.base()
    first, gate = world.candidate()
    promote(first, gate, by="process:test")
    second, gate = world.candidate(champion_run=first.run)
    promote(second, gate, by="process:test")
    done = at_once(*[lambda: roll_back(by="process:test", seen=second)] * 3)
    assert sum(isinstance(one, Promotion) for one in done) == 1
    assert champion() == first
    line = list(Promotion.objects.order_by("id").values_list("id", "replaced_id"))
    assert line == [(1, None), (2, 1), (3, 2), (4, 3)]
