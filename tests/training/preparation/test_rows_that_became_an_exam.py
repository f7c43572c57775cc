"""A row that was clean when it was frozen may be an exam's item today: then it is no lesson any more."""

import pytest
from django.db import connection, transaction

from cftapp.base.refusal import Refused
from curation.models import Blocker, Case, DatasetRow, Pair, RegistryEpoch, ReplayRow
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def publish(number):
    """A benchmark was published: the registry has a new epoch."""
    RegistryEpoch.objects.create(number=number, sha256=str(number) * 64, items=3, normaliser="strong-1")


def screen(number, leaked=""):
    """What the screener stores under an epoch, its guards aside; the pair whose prompt holds `leaked` is an item."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Pair.objects.update(screened_epoch=number)
        ReplayRow.objects.update(screened_epoch=number)
        if leaked:
            pair = Pair.objects.get(prompt__contains=leaked)
            case = Case.objects.create(
                correction_id=pair.correction_id,
                subject_id=pair.subject_id,
                state=Case.State.DECIDED,
                verdict=Case.Verdict.ACCEPTED,
                decided_by_id=pair.accepted_by_id,
                screened_epoch=number,
            )
            Blocker.objects.create(case=case, check_name="overlap", blocking=True, message="It overlaps.")


def test_a_dataset_waits_until_its_rows_are_screened_under_the_new_epoch(queue):
    publish(1)
    publish(2)
    with pytest.raises(Refused, match="not compared with the newest benchmarks"):
        queue()
    screen(2)
    assert queue().state == Run.State.QUEUED


def test_a_pair_that_is_an_item_now_is_not_learnt(queue):
    publish(1)
    publish(2)
    screen(2, leaked="locker 3")
    with pytest.raises(Refused, match="1 rows .* overlap"):
        queue()
    assert Run.objects.count() == 0


def test_a_replay_row_that_is_an_item_now_is_not_learnt(queue):
    publish(1)
    ReplayRow.objects.filter(prompt__contains="4 plus 4").update(overlaps=True)
    with pytest.raises(Refused, match="1 rows .* overlap"):
        queue()


def test_a_run_that_waited_meanwhile_fails_with_the_reason(queue, train):
    publish(1)
    run = queue()
    publish(2)
    screen(2, leaked="locker 3")

    train(run)  # as the trainer, with the trainer's rights

    assert run.state == Run.State.FAILED
    assert "overlap with a benchmark that was published after" in run.error


def test_a_stopped_run_does_not_go_on_with_it(queue, edda):
    publish(1)
    run = actions.request_stop(queue(), by=edda)
    publish(2)
    with pytest.raises(Refused, match="not compared"):
        actions.resume_run(run, by=edda)


def test_the_evaluator_may_ask_and_see_no_words(connect_as, dataset):
    publish(1)
    evaluator = connect_as("evaluator")
    for rows in (DatasetRow.objects.overlapping(), DatasetRow.objects.unscreened()):
        assert evaluator.execute(*rows.values("pk").query.sql_with_params()).fetchall() == []
