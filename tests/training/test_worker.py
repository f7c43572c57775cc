"""Real Celery workers that are doubled, killed and stopped: nothing is lost, nothing is done twice."""

import signal

import psutil
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db.models.functions import Now

from cftapp.base.engines import GRACE_SECONDS
from tests.support.stack import wait_for
from tests.training.conftest import events
from training import actions
from training.models import Run
from training.monitoring import metrics

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
LONG = {"min_steps": 700, "checkpoint_every": 20, "eval_every": 0}


@pytest.fixture(autouse=True)
def doorbell(services):
    """An empty Redis."""
    bell = redis.from_url(settings.REDIS_URL)
    bell.flushall()
    return bell


def ring(task, *args):
    current_app.send_task(task, args=args, queue="training")


def reached(run, step):
    def look():
        run.refresh_from_db()
        assert run.state in ("queued", "running"), run.error
        return run.step >= step

    return look


def in_state(run, state):
    def look():
        run.refresh_from_db()
        return run.state == state

    return look


def engines(run):
    """Processes that work in the run's folder."""
    folder = str(actions.folder_of(run))
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def steps(run):
    return [line["step"] for line in metrics.read(actions.folder_of(run) / "metrics.jsonl")]


def test_a_killed_worker_costs_a_few_steps_and_no_more(queue, start_worker, doorbell):
    run = queue(**LONG)
    first = start_worker()
    wait_for(reached(run, 100), 240, f"step 100; see {first.log}")
    assert len(engines(run)) == 1

    first.kill()
    wait_for(lambda: not engines(run), 60, "the orphan's end")
    doorbell.flushall()  # the message is gone too
    run.refresh_from_db()
    before = run.step
    Run.objects.filter(pk=run.pk).update(lease_expires_at=Now())  # a minute later

    second = start_worker()
    ring("training.tasks.sweep")
    wait_for(in_state(run, "finished"), 240, f"the end; see {second.log}")

    assert events(run) == ["run.queued", "run.started", "run.requeued", "run.started", "run.finished"]
    assert steps(run) == list(range(1, 701))
    resumed = (actions.folder_of(run) / "log.txt").read_text().rpartition("from step ")[2].split()[0]
    assert before - 40 <= int(resumed) <= before + 40
    assert (run.attempt, run.fencing_token) == (2, 2)


def test_a_message_delivered_thrice_trains_once(queue, start_worker):
    run = queue()
    ring("training.tasks.train", run.pk)
    ring("training.tasks.train", run.pk)
    workers = [start_worker(), start_worker()]

    wait_for(in_state(run, "finished"), 240, f"the end; see {workers[0].log}")
    ring("training.tasks.train", run.pk)
    last = queue()
    wait_for(in_state(last, "finished"), 240, f"the next run; see {workers[0].log}")

    assert events(run) == ["run.queued", "run.started", "run.finished"]
    assert steps(run) == list(range(1, 7))


def test_a_worker_that_is_asked_to_leave_gives_its_run_back(queue, start_worker):
    run = queue(**LONG)
    first = start_worker()
    wait_for(reached(run, 50), 240, f"step 50; see {first.log}")

    first.process.send_signal(signal.SIGTERM)
    first.process.wait(GRACE_SECONDS)

    run.refresh_from_db()
    assert (run.state, run.attempt) == (Run.State.QUEUED, 0)
    assert events(run) == ["run.queued", "run.started", "run.requeued"]
    assert not engines(run)
    assert list((actions.folder_of(run) / "checkpoints").glob(f"step-{run.step}"))


def test_a_stopped_run_resumes_and_ends_as_if_it_had_never_stopped(queue, edda, start_worker):
    stopped, straight = queue(**LONG), queue(**LONG)
    worker = start_worker()
    wait_for(reached(stopped, 50), 240, f"step 50; see {worker.log}")

    actions.request_stop(stopped, by=edda)
    wait_for(in_state(stopped, "stopped"), 120, f"the stop; see {worker.log}")
    assert 50 <= stopped.step < 700
    assert not engines(stopped)

    actions.resume_run(stopped, by=edda)
    for run in (stopped, straight):
        wait_for(in_state(run, "finished"), 300, f"the end of both; see {worker.log}")

    assert events(stopped) == [
        "run.queued",
        "run.started",
        "run.stop_requested",
        "run.stopped",
        "run.resumed",
        "run.started",
        "run.finished",
    ]
    assert stopped.adapter_sha256 == straight.adapter_sha256
    assert stopped.manifest_sha256 == straight.manifest_sha256
