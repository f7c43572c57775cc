"""What was changed, withdrawn or replaced after freezing is not learnt."""

from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from cftapp.base.refusal import Refused
from curation.models import Dataset, DatasetRow, Pair, ReplayRow
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def past_the_guards():
    """As an owner of the database who means harm, or as erasure does."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield


def test_a_tampered_row_fails_the_run_and_is_named(queue, train):
    run = queue()
    with past_the_guards():
        ReplayRow.objects.filter(pk=ReplayRow.objects.earliest("pk").pk).update(answer="5")

    train(run)

    assert run.state == Run.State.FAILED
    assert "Row 6 (replay) hashes to" in run.error
    assert not (actions.folder_of(run) / "rows.jsonl").exists()


def test_a_base_model_that_was_exchanged_fails_the_run(queue, train, tiny_base):
    run = queue()
    tokenizer = tiny_base / "tokenizer.json"
    before = tokenizer.read_bytes()
    try:
        tokenizer.write_bytes(before + b" ")
        train(run)
    finally:
        tokenizer.write_bytes(before)

    assert run.state == Run.State.FAILED
    assert "the run was queued with" in run.error


def withdraw(dataset):
    with past_the_guards():
        Pair.objects.filter(prompt__contains="locker 3").update(state=Pair.State.WITHDRAWN)


def erase(dataset):
    with past_the_guards():
        DatasetRow.objects.filter(dataset=dataset, position=2).update(pair=None)


def mark(dataset):
    Dataset.objects.filter(pk=dataset.pk).update(learnt_from_withdrawn_at=timezone.now())
    dataset.refresh_from_db()


@pytest.mark.parametrize("happens", [withdraw, erase, mark])
def test_a_dataset_with_withdrawn_rows_starts_no_run(queue, dataset, happens):
    happens(dataset)

    with pytest.raises(Refused) as refused:
        queue()

    (blocked,) = refused.value.blockers
    assert blocked.field == "dataset"
    assert "withdrawn or erased" in blocked.message
    assert "Freeze a dataset again" in blocked.remedy
    assert Run.objects.count() == 0


def test_a_stopped_run_does_not_go_on_with_withdrawn_rows(queue, dataset, edda):
    run = actions.request_stop(queue(), by=edda)
    withdraw(dataset)

    with pytest.raises(Refused, match="withdrawn or erased"):
        actions.resume_run(run, by=edda)


def test_rows_withdrawn_while_the_run_waited_are_not_learnt(queue, dataset, train):
    run = queue()
    withdraw(dataset)

    train(run)

    assert run.state == Run.State.STOPPED
    assert "withdrawn or erased" in run.error
