"""The job pattern: the row is the job, a lease says who works on it, a fencing token refuses whoever is late.

    with transaction.atomic():
        job = jobs.claim(Run.objects.filter(pk=run_id))                       # None: somebody else has it
    with jobs.Lease(job) as lease:
        ...                                                                   # lease.lost, lease.cancelled
    with transaction.atomic():
        jobs.end(job, Job.State.FINISHED)                                     # Stale if no longer ours

Times are the database's, so workers with wrong clocks agree. What works on a job in a subprocess is in `engines`.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, models, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from cftapp.base.metrics import LEASES_LOST

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0
LOOK_SECONDS = 1.0
MAX_ATTEMPTS = 5


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


QUEUED = Q(state=Job.State.QUEUED)
HELD = Q(state=Job.State.RUNNING, lease_expires_at__gt=Now())
ABANDONED = Q(state=Job.State.RUNNING, lease_expires_at__lte=Now())
J = TypeVar("J", bound=Job)
log = structlog.get_logger(__name__)


class Stale(Exception):
    """The lease has run out or somebody else has claimed the job: nothing was written."""


def owner_name() -> str:
    """Names one claim of one worker: machine, process, and a random part."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def claim(
    queryset: QuerySet[J], owner: str = "", *, abandoned: bool = False, seconds: float = LEASE_SECONDS
) -> J | None:
    """Take the oldest queued job of the queryset, or None. Call it inside the transaction that records the start.

    Rows that another worker is claiming are skipped, not waited for: a doorbell rung twice starts one job.
    `owner`: by default a name for this one claim of this worker. `abandoned`: take a job from a worker that no longer
    renews as well; without it the sweeper does, which records the loss.
    """
    job = (
        queryset.filter(QUEUED | ABANDONED if abandoned else QUEUED)
        .order_by("queued_at", "pk")
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )
    if job is None:
        return None
    type(job)._default_manager.filter(pk=job.pk).update(
        state=Job.State.RUNNING,
        lease_owner=owner or owner_name(),
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
        HELD, pk=job.pk, lease_owner=job.lease_owner, fencing_token=job.fencing_token
    )
    return mine


def write(job: Job, **changes: Any) -> None:
    """Update the job's row under its lease, and the object with it. Raises Stale when it is no longer ours.

    The object knows before anybody else can see the row: its lease's thread must not take an end for a loss.
    """
    with transaction.atomic(savepoint=False):
        held = guard(job).update(**changes)
        if held:
            job.refresh_from_db(fields=list(changes))
    if not held:
        raise stale(job)


def end(job: Job, state: Job.State, **changes: Any) -> None:
    """Write the job's last state and give up the lease. Raises Stale."""
    write(job, state=state, ended_at=Now(), lease_expires_at=None, **changes)


def give_back(job: Job, *, failed: bool = False) -> None:
    """Put the job back into the queue; the attempt counts only if it failed. Raises Stale."""
    write(job, state=Job.State.QUEUED, lease_expires_at=None, attempt=F("attempt") - (0 if failed else 1))


def renew(job: Job, *, seconds: float = LEASE_SECONDS) -> None:
    """Prolong the lease. Raises Stale."""
    if not guard(job).update(lease_expires_at=Now() + timedelta(seconds=seconds)):
        raise stale(job)


def stale(job: Job) -> Stale:
    return Stale(f"{job} (token {job.fencing_token}) is no longer held by {job.lease_owner}")


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
    expired = queryset.filter(ABANDONED)
    for pk in list(expired.values_list("pk", flat=True)):
        with transaction.atomic():
            job = expired.filter(pk=pk).select_for_update(skip_locked=True, of=("self",)).first()
            if job is not None:
                _take_back(job, requeued, failed, max_attempts)
    return list(queryset.filter(QUEUED).order_by("queued_at", "pk").values_list("pk", flat=True))


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

    def check(self) -> None:
        """Raise Stale once the lease is lost: for work in this process, between two pieces of it."""
        if self.lost.is_set():
            raise stale(self.job)

    def _keep(self) -> None:
        renewed = time.monotonic()
        try:
            while not self._done.wait(min(LOOK_SECONDS, self.renew_every)):
                try:
                    renewed = self._look(renewed)
                except Stale as stale:
                    if self.job.state == Job.State.RUNNING:  # otherwise it was ended by its holder meanwhile
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
