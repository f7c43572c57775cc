"""A run that finds no room on the disk waits for it, and goes on; it does not fail for good."""

import subprocess
import sys

import pytest

from cftapp.base import room
from tests.training.conftest import ROOT, events, trainer_environment
from training.models import Run
from training.work import work

pytestmark = pytest.mark.django_db(transaction=True)
LIMITED = """
import resource, django
django.setup()
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
from training.work import work
print(work({run}))
"""


@pytest.mark.parametrize("limit", [100, 8_000], ids=["the worker has no room", "the engine has no room"])
def test_it_goes_back_into_the_queue_and_is_trained_once_there_is_room(queue, train, limit):
    """A limit on file size stands for the full disk: the kernel refuses the write in the same place."""
    run = queue()
    code = LIMITED.format(limit=limit, run=run.pk)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=trainer_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run.refresh_from_db()
    assert (run.state, run.attempt) == (Run.State.QUEUED, 0), run.error
    assert train(run).state == Run.State.FINISHED, run.error
    assert events(run) == ["run.queued", "run.started", "run.requeued", "run.started", "run.finished"]


def test_without_room_it_is_not_begun(queue, monkeypatch):
    monkeypatch.setattr(room, "LEAST", 2**80)
    run = queue()
    assert work(run.pk) == ""
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED
    assert events(run) == ["run.queued"]
