"""The figures of the header and the home page: one statement, kept for two seconds by each process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from threading import Lock
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

KEEP_SECONDS = 2.0

# Every subselect is served by a partial index or a small table; nothing here grows with the log.
STATEMENT = """
SELECT
  (SELECT count(*) FROM curation_case WHERE state = 'waiting') AS screening,
  (SELECT count(*) FROM curation_case WHERE state = 'open') AS to_triage,
  (SELECT count(*) FROM curation_pair WHERE state = 'accepted') AS pairs,
  (SELECT count(*) FROM curation_pair WHERE state = 'accepted'
     AND accepted_at > coalesce((SELECT max(frozen_at) FROM curation_dataset), '-infinity')) AS new_pairs,
  (SELECT count(*) FROM curation_override WHERE state = 'requested') AS overrides,
  (SELECT count(*) FROM curation_dataset) AS datasets,
  (SELECT max(d.id) FROM curation_dataset d
     WHERE NOT EXISTS (SELECT FROM training_run r WHERE r.dataset_id = d.id)) AS untrained_dataset,
  (SELECT max(id) FROM training_run WHERE state = 'running') AS live_run,
  (SELECT count(*) FROM training_run WHERE state = 'queued') AS queued_runs,
  last_run.id AS last_run, last_run.state AS last_run_state,
  (SELECT count(*) FROM evaluation_gate WHERE state IN ('queued', 'running')) AS open_gates,
  last_gate.id AS last_gate, last_gate.verdict AS last_verdict,
  (SELECT count(*) FROM evaluation_waiver WHERE confirmed_at IS NULL) AS waivers,
  (SELECT count(*) FROM evaluation_benchmarkversion) AS benchmarks,
  (SELECT count(*) FROM serving_release r WHERE r.run_id IS NOT NULL
     AND NOT EXISTS (SELECT FROM serving_promotion p WHERE p.release_id = r.id)
     AND r.id > coalesce(champion.release_id, 0)
     AND EXISTS (SELECT FROM evaluation_gate g WHERE g.run_id = r.run_id AND g.verdict = 'PASS')) AS promotable,
  champion.number AS champion, champion.promoted_at AS champion_since,
  champion.learnt_from_withdrawn_at IS NOT NULL AS champion_marked,
  (SELECT count(*) FROM serving_release WHERE learnt_from_withdrawn_at IS NOT NULL) AS marked_releases,
  (SELECT count(*) FROM curation_dataset WHERE learnt_from_withdrawn_at IS NOT NULL) AS marked_datasets,
  (SELECT count(*) FROM curation_inquiryalert WHERE settled_at IS NULL) AS check_alerts,
  (SELECT count(*) FROM feedback_source WHERE disabled_at IS NULL) AS sources,
  (SELECT count(*) FROM feedback_apikey WHERE revoked_at IS NULL) AS api_keys,
  (SELECT count(*) FROM auth_user u WHERE u.is_active AND NOT u.is_superuser
     AND NOT EXISTS (SELECT FROM auth_user_groups g WHERE g.user_id = u.id)) AS roleless,
  sealed.tree_size AS sealed, sealed.signed_at AS signed_at
FROM (SELECT) AS one
LEFT JOIN (SELECT id, state FROM training_run ORDER BY id DESC LIMIT 1) AS last_run ON true
LEFT JOIN (SELECT id, verdict FROM evaluation_gate WHERE state = 'finished'
             ORDER BY id DESC LIMIT 1) AS last_gate ON true
LEFT JOIN (SELECT p.release_id, p.promoted_at, r.number, r.learnt_from_withdrawn_at FROM serving_promotion p
             JOIN serving_release r ON r.id = p.release_id ORDER BY p.id DESC LIMIT 1) AS champion ON true
LEFT JOIN (SELECT tree_size, signed_at FROM audit_checkpoint ORDER BY tree_size DESC LIMIT 1) AS sealed ON true
"""


@dataclass(frozen=True)
class Counts:
    """What is waiting, live or failed, in the order of STATEMENT's columns; ids are None where nothing is there."""

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
    waivers: int
    benchmarks: int
    promotable: int
    champion: int | None
    champion_since: datetime | None
    champion_marked: bool
    marked_releases: int
    marked_datasets: int
    check_alerts: int
    sources: int
    api_keys: int
    roleless: int
    sealed: int | None
    signed_at: datetime | None


NAMES = tuple(field.name for field in fields(Counts))


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
        cursor.execute(STATEMENT)
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
