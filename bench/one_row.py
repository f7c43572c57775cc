"""Milliseconds from posting a corrected answer to its stored verdict, on a running stack: one at a time, and at a rate.

    python -m bench.one_row [--idle 200] [--rates 100] [--per-post 10] [--seconds 30] [--embeddings on off]
                            [--out one_row.json]

Every process of `make up` runs, in a folder of its own. A row is an interaction and its correction, of about 100 words
from docstrings of the standard library. Idle, it is posted as an application does (two requests) once the row before
has its verdict. At a rate, posts of `--per-post` rows (1: two requests) are due at even times, whether or not those
before were answered. The clock starts before a row's first request is sent and stops at the case's `screened_at`;
`seen` is when another connection could read it.
"""

import argparse
import inspect
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg

from bench.private import KEPT
from cftapp.local.embedded import owner_environment

KEY_SCRIPT = """
from feedback.actions import issue_api_key, register_source
source = register_source("one-row", "One row", held_out_percent=0, by="process:bench")
print("key:" + issue_api_key(source, "bench", by="process:bench")[1])
"""
MODULES = "argparse asyncio.tasks collections datetime decimal difflib email.message logging pathlib random statistics"
PASSED_ON = ("CFT_EMBEDDING_DTYPE", "OMP_NUM_THREADS")
VERDICTS = """
    SELECT i.external_id, extract(epoch FROM k.screened_at)::float8 FROM feedback_interaction i
    JOIN feedback_correction c ON c.interaction_id = i.id LEFT JOIN curation_case k ON k.correction_id = c.id
    WHERE i.external_id = ANY(%s)
"""
PATIENCE, STUCK = 600, 60  # seconds: for what was there before, and without a verdict


# --- the stack --------------------------------------------------------------------------------------------------------
@dataclass
class Stack:
    """A running stack: where it answers, an API key, and its database as the owner."""

    url: str
    key: str
    database: psycopg.Connection

    def verdicts(self, names: Sequence[str]) -> dict[str, float]:
        """When each of these rows got its verdict, where it has one: seconds by the database's clock."""
        rows = self.database.execute(VERDICTS, [list(names)]).fetchall()
        return {name: at for name, at in rows if at is not None}

    def waiting(self) -> int:
        row = self.database.execute(
            "SELECT (SELECT count(*) FROM feedback_correction c WHERE NOT EXISTS"
            " (SELECT FROM curation_case k WHERE k.correction_id = c.id AND k.state <> 'waiting'))"
        ).fetchone()
        return int(row[0]) if row else 0

    def ahead(self) -> float:
        """Seconds that the database's clock is ahead of this process's."""
        before = time.time()
        row = self.database.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        return float(row[0]) - (before + time.time()) / 2 if row else 0.0


@contextmanager
def running(ports: tuple[int, int], embeddings: str) -> Iterator[Stack]:
    """`make up` in a private folder, at rest."""
    environment = {name: os.environ[name] for name in (*KEPT, *PASSED_ON) if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="cft-bench-") as folder:
        os.chmod(folder, 0o755)  # an embedded PostgreSQL started by root runs as another user
        environment |= {"CFT_VAR": f"{folder}/var", "CFT_PORT": str(ports[0]), "CFT_MODEL_PORT": str(ports[1])}
        environment |= {"CFT_API_REQUESTS_PER_MINUTE": "1000000"} | (
            {"CFT_EMBEDDING_MODEL": "off"} if embeddings == "off" else {}
        )
        with open(f"{folder}/log", "wb") as log:
            command = [sys.executable, "-m", "cftapp.local.up", "--with-parent"]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_ready(process, Path(folder))
            owner = owner_environment(environment)
            with psycopg.connect(owner["DATABASE_URL"], autocommit=True) as database:
                stack = Stack(f"http://127.0.0.1:{ports[0]}", issued_key(owner), database)
                wait_until_at_rest(stack)
                yield stack
        finally:
            process.terminate()
            process.wait(60)


def wait_until_ready(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    record = folder / "var" / "stack.json"
    while not (record.exists() and json.loads(record.read_text() or "{}").get("ready")):
        if process.poll() is not None:
            raise SystemExit((folder / "log").read_text(errors="replace")[-4000:])
        time.sleep(0.2)


def issued_key(owner: dict[str, str]) -> str:
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", KEY_SCRIPT]
    done = subprocess.run(command, env=owner, capture_output=True, text=True, check=True)
    return done.stdout.split("key:")[1].strip()


def wait_until_at_rest(stack: Stack) -> None:
    """Until the demo's rows are screened and the gates of its first day have been graded."""
    deadline = time.monotonic() + PATIENCE
    while stack.waiting() and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(20)


# --- rows -------------------------------------------------------------------------------------------------------------
@dataclass
class Row:
    """A corrected answer: its external id, words, and when it was sent (seconds since 1970)."""

    name: str
    subject: str
    prompt: str
    answer: str
    replacement: str
    sent: float = 0.0

    @property
    def interaction(self) -> dict[str, str]:
        return {"external_id": self.name, "subject": self.subject, "prompt": self.prompt, "answer": self.answer}

    @property
    def correction(self) -> dict[str, Any]:
        return {
            "external_id": self.name,
            "subject": self.subject,
            "replacement": self.replacement,
            "consent": "2026-11-2",
        }


@cache
def sentences() -> tuple[str, ...]:
    """Sentences of docstrings."""
    modules = [import_module(name) for name in MODULES.split()]
    members = [member for module in modules for _, member in inspect.getmembers(module, callable)]
    classes = filter(inspect.isclass, members)
    methods = [method for owner in classes for _, method in inspect.getmembers(owner, callable)]
    texts = {inspect.getdoc(documented) or "" for documented in [*modules, *members, *methods]}
    parts = {" ".join(part.split()) for text in texts for part in re.split(r"(?<=[.:])\s|\n\n", text)}
    return tuple(sorted(part for part in parts if 6 <= len(part.split()) <= 40))


def rows(count: int, seed: int) -> list[Row]:
    """Rows of about 100 words by 50 subjects."""
    rng, run = random.Random(seed), uuid.uuid4().hex[:8]
    return [
        Row(
            f"{run}-{number}",
            f"user-{number % 50}",
            "How does this work? " + random_sentences(rng, 45),
            random_sentences(rng, 20),
            random_sentences(rng, 45),
        )
        for number in range(count)
    ]


def random_sentences(rng: random.Random, words: int) -> str:
    """Sentences with at least so many words together."""
    chosen: list[str] = []
    while sum(len(sentence.split()) for sentence in chosen) < words:
        chosen.append(rng.choice(sentences()))
    return " ".join(chosen)


# --- loads ------------------------------------------------------------------------------------------------------------
@dataclass
class Client:
    """Posts rows as an application does."""

    stack: Stack
    codes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=32)
        header = {"Authorization": f"Bearer {self.stack.key}"}
        self.http = httpx.Client(base_url=f"{self.stack.url}/api/v1/", headers=header, timeout=120, limits=limits)

    def post(self, batch: Sequence[Row]) -> None:
        """One row in two requests; several in one."""
        sent = time.time()
        for row in batch:
            row.sent = sent
        if len(batch) == 1:
            self.send("interactions/", batch[0].interaction)
            self.send("corrections/", batch[0].correction)
            return
        interactions = [{"kind": "interaction", **row.interaction} for row in batch]
        self.send("feedback/batch", [*interactions, *({"kind": "correction", **row.correction} for row in batch)])

    def send(self, path: str, body: Any) -> None:
        code = str(self.http.post(path, json=body).status_code)
        self.codes[code] = self.codes.get(code, 0) + 1


def one_at_a_time(stack: Stack, count: int) -> dict[str, Any]:
    """Post a row, wait for its verdict, post the next."""
    client, posted, seen = Client(stack), rows(count + 5, seed=1), []
    for row in posted:
        client.post([row])
        deadline = time.monotonic() + STUCK
        while not stack.verdicts([row.name]) and time.monotonic() < deadline:
            time.sleep(0.003)
        seen.append(1000 * (time.time() - row.sent))
    result = figures(stack, posted[5:])  # the first ones load what stays loaded
    return result | {
        "seen_p50_ms": percentile(seen[5:], 50),
        "seen_p99_ms": percentile(seen[5:], 99),
        "codes": client.codes,
    }


def at_rate(stack: Stack, rate: float, per_post: int, seconds: float) -> dict[str, Any]:
    """Posts at even times; then how much was left, and how long that took."""
    client, posted = Client(stack), rows(int(rate * seconds), seed=int(rate))
    began, lag = time.time(), []
    with ThreadPoolExecutor(16) as pool:
        for first in range(0, len(posted), per_post):
            due = began + first / rate
            time.sleep(max(0.0, due - time.time()))
            pool.submit(client.post, posted[first : first + per_post])
    ended = time.time()
    lag = [1000 * (row.sent - began - (number // per_post) * per_post / rate) for number, row in enumerate(posted)]
    backlog = len(posted) - len(stack.verdicts([row.name for row in posted]))
    drained = drain(stack, posted)
    return figures(stack, posted) | {
        "offered_per_second": rate,
        "rows_per_post": per_post,
        "posted_per_second": round(len(posted) / max(ended - began, seconds), 1),
        "posted_late_p99_ms": percentile(lag, 99),
        "backlog_at_the_end": backlog,
        "seconds_to_drain": round(max(0.0, drained - ended), 1),
        "codes": client.codes,
    }


def drain(stack: Stack, posted: Sequence[Row]) -> float:
    """Wait until every row has its verdict, or none has got one for a minute; when the last one got it."""
    verdicts, changed = stack.verdicts([row.name for row in posted]), time.time()
    while len(verdicts) < len(posted) and time.time() < changed + STUCK:
        time.sleep(0.2)
        latest = stack.verdicts([row.name for row in posted])
        verdicts, changed = latest, time.time() if len(latest) > len(verdicts) else changed
    return max(verdicts.values(), default=time.time())


def figures(stack: Stack, posted: Sequence[Row]) -> dict[str, Any]:
    """From the first request to the verdict, over all rows that have one."""
    ahead, verdicts = stack.ahead(), stack.verdicts([row.name for row in posted])
    millis = [1000 * (verdicts[row.name] - ahead - row.sent) for row in posted if row.name in verdicts]
    lost = len(posted) - len(millis)
    return {"rows": len(posted), "lost": lost, "p50_ms": percentile(millis, 50), "p99_ms": percentile(millis, 99)}


def percentile(values: Sequence[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 1) if len(values) else float("nan")


# --- the command ------------------------------------------------------------------------------------------------------
def measured(options: argparse.Namespace, embeddings: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with running((options.port, options.port + 1), embeddings) as stack:
        name = f"embeddings {embeddings}"
        if options.idle:
            yield f"{name}, idle", one_at_a_time(stack, options.idle)
        for rate in options.rates:
            yield f"{name}, {rate:g} rows/s", at_rate(stack, rate, options.per_post, options.seconds)


def line(name: str, result: dict[str, Any]) -> str:
    backlog = ""
    if "offered_per_second" in result:
        backlog = (
            f"{result['posted_per_second']:9.1f} {result['backlog_at_the_end']:8} {result['seconds_to_drain']:8.1f}"
        )
    return f"{name:28} {result['rows']:6} {result['p50_ms']:9.1f} {result['p99_ms']:9.1f} {backlog}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=200, help="rows one at a time; 0: none")
    parser.add_argument("--rates", type=float, nargs="*", default=[100.0], help="rows a second")
    parser.add_argument("--per-post", type=int, default=10, help="rows of one request at a rate")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--embeddings", nargs="+", choices=["on", "off"], default=["on", "off"])
    parser.add_argument("--port", type=int, default=8775)
    parser.add_argument("--out", type=Path, default=Path("one_row.json"))
    options = parser.parse_args()
    print(
        f"{'load':28} {'rows':>6} {'p50 ms':>9} {'p99 ms':>9} {'posted/s':>9} {'backlog':>8} {'drain s':>8}", flush=True
    )
    results: dict[str, Any] = {}
    for embeddings in options.embeddings:
        for name, result in measured(options, embeddings):
            results[name] = result
            print(line(name, result), flush=True)
    options.out.write_text(json.dumps(results, indent=2) + "\n")
    return 1 if any(result["lost"] for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
