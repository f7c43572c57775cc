"""No copy of people's words outlives its use, not even where the worker was killed and the run then stopped."""

import pytest

from cftapp.base import engines, files
from cftapp.base.jobs import Job
from training import actions
from training.work import forget_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def left(queue):
    """A run whose killed worker left its rows."""
    run = queue()
    folder = actions.folder_of(run)
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text('{"prompt": "somebody\'s words"}\n')
    return run


def has_rows(run):
    return (actions.folder_of(run) / "rows.jsonl").exists()


def test_rows_of_a_run_that_was_stopped_while_it_waited_are_deleted(left, edda):
    actions.request_stop(left, by=edda)
    assert forget_rows() == 1
    assert not has_rows(left)


def test_so_is_what_was_written_of_them_when_the_worker_was_killed(left, edda):
    folder = actions.folder_of(left)
    (folder / "rows.jsonl").unlink()
    writer = files.replacing(folder / "rows.jsonl")
    writer.__enter__().close()  # and is killed here
    actions.request_stop(left, by=edda)
    assert forget_rows() == 1
    assert not list(folder.glob("*rows.jsonl*"))


def test_a_folder_of_no_run_is_left_alone(left, edda):
    actions.request_stop(left, by=edda)
    other = actions.folder_of(left).parent / "mine"
    other.mkdir()
    (other / "rows.jsonl").touch()
    assert forget_rows() == 1
    (other / "rows.jsonl").unlink()


def test_a_run_that_waits_or_works_keeps_them(left):
    assert forget_rows() == 0
    assert actions.start_run(left.pk).state == Job.State.RUNNING
    assert forget_rows() == 0
    assert has_rows(left)


def test_an_engine_that_still_reads_them_keeps_them(left, edda):
    actions.request_stop(left, by=edda)
    with engines.lock_folder(actions.folder_of(left)):
        assert forget_rows() == 0
    assert has_rows(left)
