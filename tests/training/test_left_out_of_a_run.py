"""A pair that was too long for a run was not learnt: the run, the log, the lineage and the pair's page say so."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from audit.actions import record
from audit.lineage import became, trace, with_left_out
from audit.models import Event
from conversation import Conversation
from curation.models import Dataset, Pair
from tests.support import serving_rows
from tests.support.people import person, signed_in
from tests.training.conftest import TINY, consenting_subjects, frozen_of
from tests.training.test_a_conversation_trains import ANSWER, ASKED, pair
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

ENDLESS = Conversation([{"role": "user", "content": "And of locker 2? " * 40}])


@pytest.fixture
def lessons(edda: User) -> Dataset:
    """A pair that fits 200 tokens, and one that no cut makes fit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        first, second, *_ = consenting_subjects()
        return frozen_of([pair(ASKED, ANSWER, first, edda), pair(ENDLESS, ANSWER, second, edda)], [], edda)


def finished(lessons: Dataset, by: User, train: Any, **recipe: Any) -> Run:
    asked = {"max_length": 200, "too_long": "cut_left", "eval_every": 0}
    run: Run = train(actions.queue_run(lessons, TINY | asked | recipe, by=by))
    assert run.state == Run.State.FINISHED, run.error
    return run


def test_the_run_and_its_event_name_what_was_left_out(lessons: Dataset, edda: User, train: Any, client: Any) -> None:
    run = finished(lessons, edda, train)
    short, long = lessons.rows.order_by("position").values_list("pair_id", flat=True)
    assert (run.result["left_out"], run.result["rows_left_out"], run.result["pairs"]) == ([2], 1, 1)
    assert Event.objects.get(name="run.finished").detail["left_out"] == [str(long)]
    client.force_login(edda)
    assert client.get(f"/api/v1/runs/{run.pk}/").json()["result"]["left_out"] == [2]
    page = client.get(f"/training/runs/{run.pk}/").content.decode()
    assert "Pairs it has not learnt" in page and "too_long: cut_left" in page
    assert f"/pairs/{long}/" in page and f"/pairs/{short}/" not in page


def test_the_lineage_does_not_lead_from_it_to_the_adapter(lessons: Dataset, edda: User, train: Any) -> None:
    run = finished(lessons, edda, train)
    short, long = (str(pk) for pk in lessons.rows.order_by("position").values_list("pair_id", flat=True))
    with transaction.atomic():  # no action froze these rows, so no event tells of it
        record("dataset.frozen", by=edda, used=[("pair", short), ("pair", long)], generated=[("dataset", lessons.pk)])

    assert [step.kind for step in became("pair", short)] == [step.kind for step in trace("pair", short, "forward")]
    assert ("adapter", run.adapter_sha256) in [(step.kind, step.object_id) for step in became("pair", short)]
    steps = became("pair", long)
    assert {step.kind for step in steps} == {"pair", "dataset", "run"}
    assert [step.left_out_of for step in steps if step.kind == "pair"] == [[("run", str(run.pk))]]
    back = {step.object_id: step.left_out_of for step in with_left_out(trace("adapter", run.adapter_sha256, "back"))}
    assert (back[short], back[long]) == ([], [("run", str(run.pk))])

    omar = signed_in(person("omar", "compliance"))
    assert "left this out" in omar.get(f"/audit/lineage/pair/{long}/").content.decode()
    assert "left this out" not in omar.get(f"/audit/lineage/pair/{short}/").content.decode()
    assert f"left out of run {run.pk}: too long" in omar.get(f"/audit/lineage/run/{run.pk}/").content.decode()


def test_another_run_of_the_same_rows_may_learn_it(lessons: Dataset, edda: User, train: Any) -> None:
    finished(lessons, edda, train)
    whole = finished(lessons, edda, train, max_length=512, too_long="refuse")
    assert (whole.result["left_out"], whole.result["pairs"]) == ([], 2)
    assert "left_out" not in Event.objects.filter(name="run.finished").order_by("-pk")[0].detail


def test_the_page_of_a_pair_tells_which_runs_learnt_it(db: None) -> None:
    serving_rows.base_release()
    long: Pair = serving_rows.accepted_pair("ana")
    rows = serving_rows.dataset(long)
    left, learnt = serving_rows.queued_run(rows), serving_rows.finished_run(rows=rows)
    left.result = {"left_out": [rows.rows.get(pair=long).position + 1]}
    serving_rows.finish(left, "6" * 64)
    page = " ".join(signed_in(person("omar", "compliance")).get(f"/curation/pairs/{long.pk}/").content.decode().split())
    where = f'left out of <a href="/training/runs/{left.pk}/">run {left.pk}</a>'
    assert f'{where}</span> <span class="badge warn">too long</span>' in page
    assert page.count("too long") == 1
    assert f'learnt by <a href="/training/runs/{learnt.pk}/">run {learnt.pk}</a>' in page


def test_of_a_run_of_before_the_page_does_not_say_what_nobody_wrote_down(db: None) -> None:
    serving_rows.base_release()
    pair: Pair = serving_rows.accepted_pair("ana")
    run = serving_rows.queued_run(serving_rows.dataset(pair))
    run.result = {"rows_left_out": 1}
    serving_rows.finish(run, "6" * 64)
    page = signed_in(person("omar", "compliance")).get(f"/curation/pairs/{pair.pk}/").content.decode()
    assert "perhaps left out of" in page
    assert "learnt by" not in page
