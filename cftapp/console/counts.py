"""The figures of the header and the home page: one statement, kept for two seconds by each process.

An app declares in `<app>/counts.py`, about its own tables and those of apps above it:

    ROWS = {"last_run": "SELECT id, state FROM training_run ORDER BY id DESC LIMIT 1"}
    COUNTS = {"live_run": "(SELECT max(id) FROM training_run WHERE state = 'running')", "last_run": "last_run.id"}

ROWS are single rows that several figures are read from. Every part is served by a partial index or a small table;
nothing here grows with the log.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from threading import Lock
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

from cftapp.base.declared import declared

KEEP_SECONDS = 2.0


@dataclass(frozen=True)
class Counts:
    """What is waiting, live or failed, as the apps declare it; ids are None where nothing is there."""

    bugs: int
    caseless: int
    screening: int
    to_triage: int
    pairs: int
    new_pairs: int
    overrides: int
    datasets: int
    untrained_dataset: int | None
    live_run: int | None
    queued_runs: int
    last_run: int | None
    last_run_state: str | None
    open_gates: int
    last_gate: int | None
    last_verdict: str | None
    last_gate_waived: bool | None
    broken_gate: int | None
    waivers: int
    benchmarks: int
    promotable: int
    champion: int | None
    champion_since: datetime | None
    champion_marked: bool
    champion_learnt_exam: bool
    marked_lessons: int | None
    marked_datasets: int
    check_alerts: int
    sources: int
    api_keys: int
    roleless: int
    account_requests: int
    sealed: int | None
    signed_at: datetime | None


NAMES = tuple(field.name for field in fields(Counts))


@cache
def statement() -> str:
    """One SELECT of every declared figure, in the order of `Counts`."""
    counts, rows = declared("counts", "COUNTS"), declared("counts", "ROWS")
    figures = ", ".join(f"{counts[name]} AS {name}" for name in NAMES)
    joined = " ".join(f"LEFT JOIN ({row}) AS {name} ON true" for name, row in rows.items())
    return f"SELECT {figures} FROM (SELECT) AS one {joined}"


class Kept:
    """The last answer and when it was read; shared by the threads of this process."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.counts: Counts | None = None
        self.read_at = 0.0

    def get(self, max_age: float) -> Counts:
        with self.lock:
            if self.counts is None or time.monotonic() - self.read_at > max_age:
                self.counts = read_counts()
                self.read_at = time.monotonic()
            return self.counts

    def forget(self) -> None:
        """Read anew next time. Waits for a reading in progress, which may be older than the change."""
        with self.lock:
            self.counts = None


kept = Kept()


def read_counts() -> Counts:
    """One statement, now."""
    with connection.cursor() as cursor:
        cursor.execute(statement())
        names = tuple(column.name for column in cursor.description)
        row = cursor.fetchone()
    return Counts(**dict(zip(names, row, strict=True)))


def counts() -> Counts:
    """The figures, at most KEEP_SECONDS old."""
    return kept.get(KEEP_SECONDS)


@sync_and_async_middleware
def forget_after_change(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: the page after somebody's POST shows what it changed, not a figure of up to two seconds ago."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> Any:
            response = await get_response(request)
            forget_if_changed(request)
            return response

        return answer_later

    def answer(request: HttpRequest) -> Any:
        response = get_response(request)
        forget_if_changed(request)
        return response

    return answer


def forget_if_changed(request: HttpRequest) -> None:
    """Only for people with a session: what applications post is many a second, and nobody's next page."""
    if request.method == "POST" and settings.SESSION_COOKIE_NAME in request.COOKIES:
        kept.forget()
