"""Next case and verdict among 100,000 open cases: p50 and p95 in milliseconds, and how many queries each takes.

    python -m bench.triage_latency [--rows 100000] [--verdicts 400] [--reviewers 4] [--out triage_latency.json]

In a private database cluster, durable as in production (fsync on). Actions are called by several reviewers in turn, as
the bench's page calls them; the page itself is timed through Django's test client (no network).
"""

import argparse
import json
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import private

BENCH = "process:bench"
VERDICTS = ("accepted", "accepted", "rejected", "taste")


def load(rows: int) -> None:
    """`rows` screened, clean corrections of the training lane, each by one of 5,000 subjects that consented."""
    from curation.checks.identity import text_hash
    from curation.models import Blocker, Case
    from curation.screening import actions as screening_actions
    from feedback.actions import BatchRow, record_batch, register_source

    screening_actions.adopt_epoch(1, "0" * 64, 0, 0, "bench", by=BENCH)
    source = register_source("bench", "Bench", held_out_percent=0, by=BENCH)
    for first in range(0, rows, 500):
        batch = []
        for number in range(first, min(rows, first + 500)):
            name = f"row-{number}"
            words = {"prompt": f"How long is the refund window of plan {number}?", "answer": "It is 14 days."}
            subject = f"user-{number % 5000}"
            batch.append(BatchRow("interaction", uuid.uuid4(), words, external_id=name, subject_key=subject))
            words = {"replacement": f"Plan {number} can be refunded within 30 days."}
            batch.append(BatchRow("correction", uuid.uuid4(), words, external_id=name, consent="2026-11-2"))
        record_batch(source, batch, by=BENCH)
    while screening_actions.open_missing_cases(1000, by=BENCH):
        pass
    assert text_hash("a", "b")
    Case.objects.update(screened_epoch=1)
    Case.objects.update(state="open")
    checks = ("consent", "environment", "personal_data", "secret", "overlap", "duplicate", "author_share", "commentary")
    ids = list(Case.objects.order_by("id").values_list("pk", flat=True))
    for first in range(0, len(ids), 2000):
        Blocker.objects.bulk_create(
            Blocker(case_id=pk, check_name=check, blocking=False, score=0.05, limit=0.3, evidence={"method": "x"})
            for pk in ids[first : first + 2000]
            for check in checks
        )


class Clock:
    """Milliseconds and queries of each kind of step."""

    def __init__(self) -> None:
        self.millis: dict[str, list[float]] = {}
        self.queries: dict[str, int] = {}

    def time(self, name: str, step: Callable[[], Any]) -> Any:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        if name not in self.queries:
            step_queries = CaptureQueriesContext(connection)
            with step_queries:
                answer = step()
            self.queries[name] = len(step_queries)
            return answer
        started = time.perf_counter()
        answer = step()
        self.millis.setdefault(name, []).append(1000 * (time.perf_counter() - started))
        return answer

    def table(self) -> dict[str, dict[str, float]]:
        return {
            name: {
                "p50_ms": round(statistics.median(values), 2),
                "p95_ms": round(statistics.quantiles(values, n=20)[-1], 2),
                "count": len(values),
                "queries": self.queries[name],
            }
            for name, values in self.millis.items()
        }


def review(clock: Clock, people: list[Any], verdicts: int) -> None:
    """Every reviewer in turn: next case, verdict, sometimes a skip or an undo."""
    from curation.triage import actions as triage_actions

    rng = random.Random(1)
    for number in range(verdicts):
        person = people[number % len(people)]
        case = clock.time("next case", partial(triage_actions.claim_next_case, person))
        if rng.random() < 0.1:
            case = clock.time("skip", partial(triage_actions.claim_next_case, person, after=case.pk))
        verdict = rng.choice(VERDICTS)
        clock.time(
            f"verdict: {verdict}",
            partial(triage_actions.decide_case, case.pk, verdict, by=person),
        )
        if rng.random() < 0.1:
            clock.time("undo", partial(triage_actions.undo_verdict, case.pk, by=person))


def pages(clock: Clock, person: Any, times: int) -> None:
    """The page, and the answer to a key."""
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client(headers={"HX-Request": "true"})
    client.force_login(person)
    from curation.triage import actions as triage_actions

    for _ in range(times):
        clock.time("bench page", lambda: client.get(reverse("curation:bench"), headers={"HX-Request": ""}))
        case = triage_actions.claim_next_case(person)
        assert case is not None, "the queue is empty"
        url = reverse("curation:decide", args=[case.pk])
        reply = clock.time("verdict by key", partial(client.post, url, {"verdict": "rejected"}))
        assert reply.status_code == 200, reply.content


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--verdicts", type=int, default=400)
    parser.add_argument("--reviewers", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("triage_latency.json"))
    options = parser.parse_args()
    with private.services():
        from django.contrib.auth.models import Group, User
        from django.db import connection

        started = time.perf_counter()
        load(options.rows)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
        print(f"loaded {options.rows:,} open cases in {time.perf_counter() - started:.0f} s", flush=True)
        people = [User.objects.create_user(f"reviewer-{number}") for number in range(options.reviewers)]
        people[0].groups.add(Group.objects.get_or_create(name="reviewer")[0])
        clock = Clock()
        review(clock, people, options.verdicts)
        pages(clock, people[0], max(20, options.verdicts // 8))
    table = clock.table()
    print(f"{'step':20} {'p50 ms':>8} {'p95 ms':>8} {'queries':>8} {'count':>6}")
    for name, row in sorted(table.items()):
        print(f"{name:20} {row['p50_ms']:8.2f} {row['p95_ms']:8.2f} {row['queries']:8} {row['count']:6}")
    options.out.write_text(json.dumps({"rows": options.rows, "steps": table}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
