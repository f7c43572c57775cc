"""The job pattern: the row is the job, a lease says who works on it, a fencing token refuses whoever is late.

    with transaction.atomic():
        job = jobs.claim(Run.objects.filter(pk=run_id), jobs.owner_name())     # None: somebody else has it
    with jobs.Lease(job) as lease, jobs.lock_folder(folder) as lock:
        process = jobs.spawn(argv, folder, jobs.engine_environment(folder), lock)
        ending = jobs.watch(process, lease, follow)                           # ended, cancelled, closing or lost
    with transaction.atomic():
        jobs.write(job, state=Job.State.FINISHED, ended_at=Now())              # Stale if no longer ours

Times are the database's, so workers with wrong clocks agree.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, models, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now

from cftapp.base.metrics import LEASES_LOST

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0
LOOK_SECONDS = 1.0
GRACE_SECONDS = 30.0
MAX_ATTEMPTS = 5
LOCK_FILE = "engine.lock"
LOG_FILE = "engine.log"
STOPPED = 75
"""Exit status of an engine that was asked to stop and wrote a checkpoint (EX_TEMPFAIL)."""


class Job(models.Model):
    """The job pattern: who holds the unexpired lease and the newest fencing token may write; nobody else."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"
        FINISHED = "finished", "Finished"

    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    fencing_token = models.PositiveIntegerField(
        default=0, help_text="Grows with every claim; a stale holder is refused."
    )
    attempt = models.PositiveIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        abstract = True


J = TypeVar("J", bound=Job)
log = structlog.get_logger(__name__)
closing = threading.Event()
"""Set when this worker is asked to leave: engines write a checkpoint and their jobs go back to the queue."""


class Stale(Exception):
    """The lease has run out or somebody else has claimed the job: nothing was written."""


class FolderInUse(Exception):
    """An engine that was started earlier still works in this folder."""


class Ending(Enum):
    ENDED = "ended"
    CANCELLED = "cancelled"
    CLOSING = "closing"
    LOST = "lost"


def owner_name() -> str:
    """Names one claim of one worker: machine, process, and a random part."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


# --- the row ----------------------------------------------------------------------------------------------------------


def claim(queryset: QuerySet[J], owner: str, *, seconds: float = LEASE_SECONDS) -> J | None:
    """Take the oldest queued job of the queryset, or None. Call it inside the transaction that records the start.

    Rows that another worker is claiming are skipped, not waited for: a doorbell rung twice starts one job.
    """
    job = (
        queryset.filter(state=Job.State.QUEUED)
        .order_by("queued_at", "pk")
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )
    if job is None:
        return None
    type(job)._default_manager.filter(pk=job.pk).update(
        state=Job.State.RUNNING,
        lease_owner=owner,
        lease_expires_at=Now() + timedelta(seconds=seconds),
        fencing_token=F("fencing_token") + 1,
        attempt=F("attempt") + 1,
        started_at=Coalesce("started_at", Now()),
        ended_at=None,
        error="",
    )
    job.refresh_from_db()
    return job


def guard(job: J) -> QuerySet[J]:
    """The job's row, as long as the lease this object was claimed with is in force; otherwise nothing."""
    mine: QuerySet[J] = type(job)._default_manager.filter(
        pk=job.pk,
        state=Job.State.RUNNING,
        lease_owner=job.lease_owner,
        fencing_token=job.fencing_token,
        lease_expires_at__gt=Now(),
    )
    return mine


def write(job: Job, **changes: Any) -> None:
    """Update the job's row under its lease, and the object with it. Raises Stale when it is no longer ours."""
    if not guard(job).update(**changes):
        raise Stale(f"{job} (token {job.fencing_token}) is no longer held by {job.lease_owner}")
    job.refresh_from_db(fields=list(changes))


def end(job: Job, state: Job.State, **changes: Any) -> None:
    """Write the job's last state and give up the lease. Raises Stale."""
    write(job, state=state, ended_at=Now(), lease_expires_at=None, **changes)


def give_back(job: Job) -> None:
    """Put the job back into the queue; the attempt does not count. Raises Stale."""
    write(job, state=Job.State.QUEUED, lease_expires_at=None, attempt=F("attempt") - 1)


def renew(job: Job, *, seconds: float = LEASE_SECONDS) -> None:
    """Prolong the lease. Raises Stale."""
    if not guard(job).update(lease_expires_at=Now() + timedelta(seconds=seconds)):
        raise Stale(f"{job} (token {job.fencing_token}) is no longer held by {job.lease_owner}")


def sweep(
    queryset: QuerySet[J],
    *,
    requeued: Callable[[J], object],
    failed: Callable[[J], object],
    max_attempts: int = MAX_ATTEMPTS,
) -> list[Any]:
    """Take jobs from workers that no longer renew; returns the ids of all jobs that now wait in the queue.

    Each such job is requeued or, after `max_attempts` claims, failed with a reason; `requeued` and `failed` record it
    in the same transaction. A job with a cancel flag is requeued too: its next holder stops it.
    """
    expired = queryset.filter(state=Job.State.RUNNING, lease_expires_at__lte=Now())
    for pk in list(expired.values_list("pk", flat=True)):
        with transaction.atomic():
            job = expired.filter(pk=pk).select_for_update(skip_locked=True, of=("self",)).first()
            if job is not None:
                _take_back(job, requeued, failed, max_attempts)
    return list(queryset.filter(state=Job.State.QUEUED).order_by("queued_at", "pk").values_list("pk", flat=True))


def _take_back(job: J, requeued: Callable[[J], object], failed: Callable[[J], object], max_attempts: int) -> None:
    lost = type(job)._default_manager.filter(pk=job.pk)
    if job.attempt < max_attempts:
        lost.update(state=Job.State.QUEUED, lease_expires_at=None)
        job.refresh_from_db()
        requeued(job)
        return
    reason = (
        f"Its worker was lost {job.attempt} times, last {job.lease_owner}. "
        "Look for memory and disk in the worker's log, then resume."
    )
    lost.update(state=Job.State.FAILED, lease_expires_at=None, ended_at=Now(), error=reason)
    job.refresh_from_db()
    failed(job)


class Lease:
    """Renews a claimed job's lease from a thread of its own, whatever the work does meanwhile.

    `lost` is set when the job is no longer ours (stop at once, write nothing), `cancelled` when a person asked to stop.
    A database that cannot be reached is tried again until the lease would have run out: then it is lost.
    """

    def __init__(self, job: Job, *, seconds: float = LEASE_SECONDS, renew_every: float = RENEW_SECONDS) -> None:
        self.job, self.seconds, self.renew_every = job, seconds, renew_every
        self.lost, self.cancelled, self._done = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{job.pk}", daemon=True)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _keep(self) -> None:
        renewed = time.monotonic()
        try:
            while not self._done.wait(min(LOOK_SECONDS, self.renew_every)):
                try:
                    renewed = self._look(renewed)
                except Stale as stale:
                    log.warning("lease lost", job=str(self.job), reason=str(stale))
                    self._lose()
                    return
                except DatabaseError as problem:
                    log.warning("lease not renewed", job=str(self.job), problem=type(problem).__name__)
                    close_old_connections()
                    if time.monotonic() - renewed > self.seconds:
                        self._lose()
                        return
        finally:
            connection.close()

    def _lose(self) -> None:
        LEASES_LOST.inc()
        self.lost.set()

    def _look(self, renewed: float) -> float:
        now = time.monotonic()
        if now - renewed >= self.renew_every:
            renew(self.job, seconds=self.seconds)
            renewed = now
        asked = guard(self.job).values_list("cancel_requested_at", flat=True).first()
        if asked is not None:
            self.cancelled.set()
        return renewed


# --- the engine -------------------------------------------------------------------------------------------------------

PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "OMP_WAIT_POLICY",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "NVIDIA_VISIBLE_DEVICES",
)


def engine_environment(folder: Path, *, threads: int = 1) -> dict[str, str]:
    """All that an engine gets to know: where Python lies and how many threads to use. No credential, no address."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    hub = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    return passed | {
        "HOME": str(folder),
        "HF_HOME": hub,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextmanager
def lock_folder(folder: Path, *, wait: float = 10.0) -> Iterator[int]:
    """Keep every other engine out of the folder; yields the lock's descriptor, which the engine inherits.

    So the lock lasts as long as either of the two lives. Raises FolderInUse after `wait` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise FolderInUse(f"An engine still works in {folder.name}.")
            time.sleep(0.1)
        yield lock
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def spawn(argv: Sequence[str], folder: Path, environment: dict[str, str], lock: int) -> "subprocess.Popen[bytes]":
    """Start an engine in the folder, in its own session, on a leash to this thread; output goes to engine.log.

    The kernel ties the leash to the thread that starts the engine: that thread must also `watch` it.
    """
    command = [sys.executable, "-m", "cftapp.base.leash", str(os.getpid()), *argv]
    with (folder / LOG_FILE).open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )


def watch(
    process: "subprocess.Popen[bytes]",
    lease: Lease,
    follow: Callable[[], object] = lambda: None,
    *,
    every: float = 0.5,
    grace: float = GRACE_SECONDS,
) -> Ending:
    """Wait for the engine, calling `follow` meanwhile and once at its end.

    A cancel flag or a closing worker: SIGTERM, `grace` seconds for a checkpoint, SIGKILL to the group. A lost lease, or
    an error in `follow`: SIGKILL at once.
    """
    try:
        while process.poll() is None:
            if lease.lost.is_set():
                return Ending.LOST
            if lease.cancelled.is_set() or closing.is_set():
                ending = Ending.CANCELLED if lease.cancelled.is_set() else Ending.CLOSING
                terminate(process, grace)
                follow()
                return ending
            follow()
            lease.lost.wait(every)
        follow()
        return Ending.LOST if lease.lost.is_set() else Ending.ENDED
    finally:
        kill_group(process)


def terminate(process: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask the engine to stop, and wait for it, but not for ever."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        kill_group(process)


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Leave no process of the engine's session behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
