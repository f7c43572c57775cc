"""One holder at a time: claims, leases, fencing tokens and the sweeper, on real rows."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from cftapp.base import jobs
from cftapp.base.jobs import Job
from tests.training.conftest import events
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def expire(run):
    Run.objects.filter(pk=run.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_a_doorbell_rung_twice_starts_one_job(queue):
    run = queue()
    started, barrier = [], threading.Barrier(4)

    def ring():
        barrier.wait()
        try:
            started.append(actions.start_run(run.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=ring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([run for run in started if run]) == 1
    assert events(run) == ["run.queued", "run.started"]


def test_claiming_skips_a_row_that_somebody_else_is_claiming(queue):
    first, second = queue(), queue()
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            jobs.claim(Run.objects.all(), "slow")
            held.set()
            done.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    with transaction.atomic():
        claimed = jobs.claim(Run.objects.all(), "quick")
    done.set()
    thread.join()

    assert claimed == second
    first.refresh_from_db()
    assert (first.lease_owner, first.state) == ("slow", Job.State.RUNNING)


def test_a_stale_fencing_token_is_refused(queue):
    stale = actions.start_run(queue().pk)
    expire(stale)
    actions.sweep_runs()
    fresh = actions.start_run(stale.pk)
    assert fresh.fencing_token == stale.fencing_token + 1

    for late in (
        lambda: jobs.renew(stale),
        lambda: actions.record_progress(stale, 5, 10),
        lambda: actions.fail_run(stale, "late"),
        lambda: actions.stop_run(stale),
        lambda: actions.requeue_run(stale),
    ):
        with pytest.raises(jobs.Stale):
            late()

    actions.record_progress(fresh, 1, 10)
    fresh.refresh_from_db()
    assert (fresh.state, fresh.step) == (Job.State.RUNNING, 1)
    assert events(fresh) == ["run.queued", "run.started", "run.requeued", "run.started"]


def test_an_expired_lease_writes_nothing_even_before_the_sweep(queue):
    run = actions.start_run(queue().pk)
    expire(run)

    with pytest.raises(jobs.Stale):
        actions.record_progress(run, 5, 10)


def test_the_lease_is_renewed_and_hears_of_a_stop(queue, edda):
    run = actions.start_run(queue().pk)
    before = run.lease_expires_at

    with jobs.Lease(run, renew_every=0.1) as lease:
        actions.request_stop(run, by=edda)
        assert lease.cancelled.wait(60)
        assert not lease.lost.is_set()

    run.refresh_from_db()
    assert run.lease_expires_at > before


def test_the_lease_notices_that_it_was_lost(queue):
    run = actions.start_run(queue().pk)

    with jobs.Lease(run, renew_every=0.1) as lease:
        lease.check()
        expire(run)
        assert lease.lost.wait(60)
        with pytest.raises(jobs.Stale):
            lease.check()


def test_a_live_lease_is_not_swept(queue):
    run = actions.start_run(queue().pk)

    assert actions.sweep_runs() == []
    run.refresh_from_db()
    assert run.state == Job.State.RUNNING


def test_a_job_that_loses_its_worker_too_often_fails_with_a_reason(queue):
    run = queue()
    for _ in range(jobs.MAX_ATTEMPTS):
        expire(actions.start_run(run.pk))
        waiting = actions.sweep_runs()

    assert waiting == []
    run.refresh_from_db()
    assert run.state == Job.State.FAILED
    assert f"lost {jobs.MAX_ATTEMPTS} times" in run.error
    assert events(run)[-1] == "run.failed"


def test_leaving_gives_the_job_back_without_counting_the_attempt(queue):
    run = actions.start_run(queue().pk)
    actions.requeue_run(run)

    assert (run.state, run.attempt) == (Job.State.QUEUED, 0)
    assert actions.sweep_runs() == [run.pk]


def test_a_job_that_its_holder_gave_back_is_no_lost_lease(queue, monkeypatch):
    """The thread may renew once more after that, and then finds the lease gone."""
    run = actions.start_run(queue().pk)
    before = jobs.LEASES_LOST._value.get()
    with jobs.Lease(run, renew_every=0) as lease:
        jobs.give_back(run)
        lease._thread.join(10)
    assert not lease._thread.is_alive() and not lease.lost.is_set()
    assert jobs.LEASES_LOST._value.get() == before
