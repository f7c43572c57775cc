"""What a trainer does with a run that it has claimed, from the row to the verified adapter."""

import sys
import time
from contextlib import suppress
from pathlib import Path

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError
from django.db import close_old_connections, transaction

from cftapp.base import engines, files, jobs, room
from cftapp.base.jobs import Job
from cftapp.base.refusal import Refused
from curation.datasets.withdrawn import Withdrawn, refuse_withdrawn_now
from training import actions
from training.engine.errors import DISK_FULL
from training.models import Run
from training.monitoring import metrics
from training.preparation import fitting, manifest
from training.preparation.prepare import MANIFEST_FILE, prepare

PROGRESS_SECONDS, CONSENT_SECONDS = 1.0, 5.0
ENDED = (Job.State.STOPPED, Job.State.FAILED, Job.State.FINISHED)
log = structlog.get_logger(__name__)


def work(run_id: int) -> str:
    """Claim the run and train it to its end; returns its state, or "" when somebody else has it."""
    if not room.left(runs()):
        log.error("no room on the disk: the run waits", run=run_id)
        return ""
    run = actions.start_run(run_id)
    if run is None:
        return ""
    folder = actions.folder_of(run)
    log.info("run started", run=run.pk, attempt=run.attempt, token=run.fencing_token)
    try:
        with jobs.Lease(run) as lease, engines.lock_folder(folder) as lock:
            folder.chmod(0o700)
            train(run, folder, lease, lock)
    except engines.FolderInUse:
        actions.requeue_run(run)
    except jobs.Stale as stale:
        log.warning("run lost", run=run.pk, reason=str(stale))
    except OSError as problem:
        if room.is_full(problem):
            actions.requeue_run(run)
        else:
            actions.fail_run(
                run, f"The run folder cannot be written: {problem.strerror}. Free some space, then resume."
            )
    run.refresh_from_db()
    log.info("run left", run=run.pk, state=run.state, step=run.step)
    return run.state


def train(run: Run, folder: Path, lease: jobs.Lease, lock: int) -> None:
    """Prepare, follow the engine, and record how it ended. Raises Stale."""
    if run.cancel_requested_at:
        actions.stop_run(run)
        return
    try:
        actions.refuse_unfit(run.dataset)
        with transaction.atomic():  # a withdrawal waits until the rows are written and the run says so
            actions.record_manifest(run, *prepare(run, folder))
        ending, status, said = follow_engine(run, folder, lease, lock)
        settle(run, ending, status, said)
    except Withdrawn as withdrawn:
        actions.stop_run(run, withdrawn.words)
    except Refused as refused:
        actions.fail_run(run, refused.words)
    finally:
        files.forget(folder / manifest.ROWS_FILE)  # no copy of people's words outlives its use


def runs() -> Path:
    return Path(settings.CFT_VAR) / "runs"


def forget_rows() -> int:
    """Delete the rows that a killed worker left with a run that ended since; returns in how many folders."""
    forgotten = 0
    left = runs().glob(f"*/*{manifest.ROWS_FILE}*")
    for folder in {file.parent for file in left}:
        with suppress(engines.FolderInUse, ValidationError), engines.lock_folder(folder, wait=0):
            if Run.objects.filter(folder=folder.name, state__in=ENDED).exists():
                files.forget(folder / manifest.ROWS_FILE)
                forgotten += 1
    return forgotten


def follow_engine(run: Run, folder: Path, lease: jobs.Lease, lock: int) -> tuple[engines.Ending, int, str]:
    """Run the engine once; returns how the watch ended, its exit status, and what it said last."""
    (folder / "result.json").unlink(missing_ok=True)
    log_file = folder / engines.LOG_FILE
    said_before = log_file.stat().st_size if log_file.exists() else 0
    environment = engines.environment(folder, threads=settings.CFT_TRAINING_THREADS)
    process = engines.spawn([sys.executable, "-m", "training.engine", MANIFEST_FILE], folder, environment, lock)
    follower = Follower(run, folder)
    ending = engines.watch(process, lease, follower)
    if ending is not engines.Ending.LOST:
        follower.catch_up()
    said = metrics.engine_error(metrics.tail(log_file, offset=said_before))
    return ending, process.wait(), said


class Follower:
    """Copies the engine's newest step into the row, at most once a second, and asks whether it may still train.

    Raises Withdrawn, which ends the engine at once: another step would learn words that were taken back.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.path = run, folder / "metrics.jsonl"
        self.due = self.consent_due = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self.due:
            self.due = now + PROGRESS_SECONDS
            self.catch_up()
        if now >= self.consent_due:
            self.consent_due = now + CONSENT_SECONDS
            self.look_at_consent()

    def catch_up(self) -> None:
        line = metrics.last(self.path)
        if line is None or line["step"] == self.run.step:
            return
        try:
            actions.record_progress(self.run, line["step"], int(line.get("total") or 0))
        except DatabaseError as problem:  # the lease decides whether this is the end
            log.warning("progress not recorded", run=self.run.pk, problem=type(problem).__name__)
            close_old_connections()

    def look_at_consent(self) -> None:
        """Raises Withdrawn."""
        try:
            refuse_withdrawn_now(self.run.dataset)
        except DatabaseError as problem:
            log.warning("consent not looked at", run=self.run.pk, problem=type(problem).__name__)
            close_old_connections()


def settle(run: Run, ending: engines.Ending, status: int, said: str) -> None:
    """Record the end of an engine. A lost lease records nothing: the run is somebody else's."""
    if ending is engines.Ending.LOST:
        raise jobs.Stale(f"{run} was taken by another worker")
    if status == 0:
        actions.finish_run(run)
    elif ending is engines.Ending.CANCELLED:
        actions.stop_run(run)
    elif ending is engines.Ending.CLOSING or status in (
        engines.STOPPED,
        DISK_FULL,
    ):  # the sweep goes on once there is room
        actions.requeue_run(run)
    else:
        actions.fail_run(run, reason(status, fitting.name_row(run.dataset, said)))


def reason(status: int, said: str) -> str:
    """Why an engine ended, for a person."""
    if status == -9:
        return (
            "The engine was killed (signal 9): most often the machine ran out of memory. Lower batch_size, then resume."
        )
    if status < 0:
        return f"The engine was ended by signal {-status}. Its last words: {said}"
    return said if status in (2, 3, 4) and said else f"The engine ended with status {status}. Its last words: {said}"
