"""A batch with real screener processes: one is killed in the middle, Redis forgets, and nothing is lost or doubled."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid

import pyarrow.parquet as pq
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now

from audit.models import Event
from cftapp.access.roles import environment_for
from cftapp.local.supervisor import WORKER_OPTIONS
from curation.batches import actions as batch_actions
from curation.batches import work as batch_work
from curation.models import BatchPart
from tests.curation.conftest import EXAM, KEY, publish
from tests.support.stack import ROOT, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
BY = "process:test"
RANGES, ROWS_A_RANGE = 24, 4
FILLER = "Nothing but tea, toast and talk about the weather of last week, said the man behind the counter again. "


@pytest.fixture
def start_worker(tmp_path):
    """`start_worker()`: a screener process, with the environment, the login and the rights of one."""
    running = []

    def start():
        command = [sys.executable, "-m", "celery", "-A", "cftapp", "worker", "-Q", "screening", *WORKER_OPTIONS]
        environment = environment_for("screener", os.environ | {"CFT_REGISTRY_KEY": KEY.hex()})
        with (tmp_path / f"worker-{len(running)}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "-n", f"s{uuid.uuid4().hex}"],
                cwd=ROOT,
                env=environment | {"DJANGO_SETTINGS_MODULE": "cftapp.settings"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def batch(services):
    """Long rows under epoch 1, so that a range takes a while; an empty Redis."""
    redis.from_url(settings.REDIS_URL).flushall()
    publish(1)
    folder = batch_work.folder()
    folder.mkdir()
    with (folder / "rows.jsonl").open("w") as file:
        for n in range(RANGES * ROWS_A_RANGE):
            file.write(json.dumps({"id": n, "text": FILLER * 8_000 + (EXAM[0][2] if n % 7 == 0 else "")}) + "\n")
    yield batch_actions.queue_batch("rows.jsonl", "report.jsonl", range_rows=ROWS_A_RANGE, by=BY)
    shutil.rmtree(folder)


def ring():
    current_app.send_task("curation.batches.tasks.sweep_batches", queue="screening")


def ended(batch):
    def look():
        batch.refresh_from_db()
        return batch.ended

    return look


def check_report(batch):
    """Every row once, in order, with the verdict that it deserves."""
    assert batch.state == "finished", batch.error
    report = [json.loads(line) for line in (batch_work.folder() / "report.jsonl").read_text().splitlines()]
    assert [row["id"] for row in report] == list(range(RANGES * ROWS_A_RANGE))
    assert [row["id"] for row in report if row["verdict"] == "blocked"] == list(range(0, RANGES * ROWS_A_RANGE, 7))
    assert batch.rows == len(report)
    assert sum(batch.blocked.values()) == len(range(0, RANGES * ROWS_A_RANGE, 7))
    about = Event.objects.filter(edges__kind="batch", edges__object_id=str(batch.pk)).distinct().order_by("pk")
    assert list(about.values_list("name", flat=True)) == ["batch.queued", "batch.started", "batch.finished"]


def test_two_workers_share_a_batch_and_its_chord_merges(batch, start_worker):
    workers = [start_worker(), start_worker()]
    wait_for(ended(batch), 240, "the end, without a sweep")
    check_report(batch)
    owners = set(batch.parts.filter(kind="range").values_list("lease_owner", flat=True))
    assert {worker.pid for worker in workers} == {int(owner.split(":")[1]) for owner in owners}
    assert set(batch.parts.values_list("attempt", flat=True)) == {1}


def no_statement_runs():
    """Whether PostgreSQL works on nothing that a worker sent: a commit on its way would let go of a range yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE application_name = 'cft-screener' AND state = 'active'")
        return cursor.fetchone() is None


def test_one_of_two_workers_is_killed_and_nothing_is_lost_or_doubled(batch, start_worker):
    victim, survivor = start_worker(), start_worker()
    held = batch.parts.filter(kind="range", state="running", lease_owner__contains=f":{victim.pid}:")

    def killed_in_the_middle():
        """Freeze the process where it holds a range; let it go on if it had just let go."""
        if not held.exists():
            return False
        victim.send_signal(signal.SIGSTOP)
        wait_for(no_statement_runs, 60, "the answer to what the victim had sent")
        if not held.exists():
            victim.send_signal(signal.SIGCONT)
            return False
        victim.kill()
        victim.wait()
        return True

    wait_for(killed_in_the_middle, 120, "a range in the victim's hands")
    lost = held.get()
    wait_for(lambda: batch.parts.exclude(state="finished").count() == 2, 240, "all but the lost range and the merge")
    assert not ended(batch)()

    BatchPart.objects.filter(pk=lost.pk).update(lease_expires_at=Now())  # a minute later
    ring()
    wait_for(ended(batch), 120, "the end")

    check_report(batch)
    lost.refresh_from_db()
    assert (lost.attempt, lost.fencing_token) == (2, 2)
    owners = set(batch.parts.filter(kind="range").values_list("lease_owner", flat=True))
    assert any(f":{survivor.pid}:" in owner for owner in owners)


def test_a_redis_that_forgets_everything_costs_time_only(batch, start_worker):
    start_worker()
    wait_for(lambda: batch.parts.filter(kind="range", state="finished").exists(), 120, "the first range")
    redis.from_url(settings.REDIS_URL).flushall()
    wait_for(lambda: not batch.parts.filter(state="running").exists(), 60, "the range in hand")
    assert not ended(batch)()

    ring()
    wait_for(ended(batch), 240, "the end")
    check_report(batch)
    assert set(batch.parts.values_list("attempt", flat=True)) == {1}


def test_the_command_follows_a_batch_to_its_report(batch, start_worker, capsys):
    start_worker()
    folder = batch_work.folder()
    (folder / "few.jsonl").write_text("".join(json.dumps({"id": n, "text": EXAM[0][2]}) + "\n" for n in range(3)))
    call_command("screen", "--chord", "--input", folder / "few.jsonl", "--output", folder / "few.parquet")
    assert "3 rows against epoch 1: 0 clean, 3 blocked (exact 3)." in capsys.readouterr().err
    assert pq.read_table(folder / "few.parquet").column("row_id").to_pylist() == ["0", "1", "2"]

    (folder / "bad.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(CommandError, match="bad.jsonl, line 1: it has no text") as refused:
        call_command("screen", "--chord", "--input", folder / "bad.jsonl", "--output", folder / "bad.parquet")
    assert refused.value.returncode == 2
