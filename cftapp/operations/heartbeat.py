"""A worker that notices that it no longer hears its queue, and leaves so that its supervisor starts it again.

After Redis restarts, a Celery worker can stay up and consume nothing (celery#10205). While idle, each worker sends a
`beat` task to its own queue every 20 s; the main process sees every message it receives. Nothing received for 90 s
while idle means deaf: exit with status 70. A busy worker is left alone; its job's lease is watched in the database.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import shared_task
from celery.signals import task_received
from celery.worker import state
from django.conf import settings
from django.core.cache import cache

INTERVAL, TELL_EVERY, DEAF_AFTER, DEAF_STATUS = 20.0, 5.0, 90.0, 70
log = structlog.get_logger(__name__)


def key(role: str) -> str:
    return f"heartbeat:{role}"


@shared_task(name="cftapp.beat", expires=60)
def beat() -> None:
    """Nothing to do: that the message arrived is the news."""


def is_busy() -> bool:
    return bool(state.active_requests)


class Watchdog(threading.Thread):
    """One daemon thread in the worker's main process."""

    def __init__(self, *, queue: str, role: str, leave: Callable[[int], None] = os._exit):
        super().__init__(name="watchdog", daemon=True)
        self.queue, self.role, self.leave = queue, role, leave
        self.heard, self.announced = time.monotonic(), 0.0
        task_received.connect(self.hear, weak=False)

    @classmethod
    def for_worker(cls, consumer: Any) -> "Watchdog":
        queues = list(consumer.app.amqp.queues.consume_from)
        return cls(queue=queues[0], role=settings.CFT_ROLE)

    def hear(self, **_: Any) -> None:
        """A message came: the worker consumes. Said aloud at most every few seconds."""
        self.heard = time.monotonic()
        if self.heard - self.announced > TELL_EVERY:
            self.announced = self.heard
            tell(self.role)

    def run(self) -> None:
        while True:
            self.tick()
            time.sleep(INTERVAL)

    def tick(self) -> None:
        if is_busy():
            self.hear()
            return
        if time.monotonic() - self.heard > DEAF_AFTER:
            log.error("worker hears nothing from its queue, leaving", queue=self.queue)
            self.leave(DEAF_STATUS)
            return
        try:
            beat.apply_async(queue=self.queue, retry=False)
        except Exception as problem:  # Redis is away: the silence is not the worker's
            self.heard = time.monotonic()
            log.warning("no heartbeat sent", queue=self.queue, problem=type(problem).__name__)


def tell(role: str) -> None:
    """Leave the time of the last message where `/readyz` reads it."""
    try:
        cache.set(key(role), int(time.time()), timeout=3600)
    except Exception as problem:
        log.warning("no heartbeat stored", problem=type(problem).__name__)
