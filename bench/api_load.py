"""Posts per second through the REST API of a running stack, with several clients at once.

    python bench/api_load.py --url http://127.0.0.1:8000 --key cft_… [--clients 16] [--seconds 15] [--out api_load.json]

Three loads, one after the other: interactions alone, interactions each with a correction, and batches of 500 rows.
Every client is a thread with a connection of its own; each of its posts carries an Idempotency-Key. A 429 or 5xx is
counted and not hidden. The key may be given as CFT_BENCH_KEY.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

BATCH = 500


@dataclass
class Tally:
    """What one client saw: milliseconds of each post, status codes, rows recorded."""

    millis: list[float] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)
    rows: int = 0


class Poster:
    """One client: posts until the time is over."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self.tally = Tally()
        self.name = uuid.uuid4().hex[:8]
        self.count = 0

    def post(self, path: str, body: Any, rows: int = 1) -> Any:
        started = time.perf_counter()
        reply = self.http.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        self.tally.millis.append(1000 * (time.perf_counter() - started))
        self.tally.codes[reply.status_code] += 1
        self.tally.rows += rows if reply.is_success else 0
        return reply.json() if reply.is_success else {}

    def interaction(self) -> dict[str, Any]:
        self.count += 1
        return {
            "subject": f"{self.name}-{self.count % 50}",
            "prompt": f"How long is the refund window of plan {self.count}? " + "It was bought last month. " * 4,
            "answer": "Annual plans can be refunded within 14 days of purchase. " * 2,
        }


def one_interaction(poster: Poster) -> None:
    poster.post("interactions/", poster.interaction())


def with_correction(poster: Poster) -> None:
    interaction = poster.post("interactions/", poster.interaction())
    if interaction:
        text = f"Plan {poster.count} can be refunded within 30 days of purchase."
        poster.post("corrections/", {"interaction": interaction["id"], "replacement": text})


def one_batch(poster: Poster) -> None:
    rows = [poster.interaction() | {"kind": "interaction"} for _ in range(BATCH)]
    poster.post("feedback/batch", rows, rows=BATCH)


LOADS: dict[str, Callable[[Poster], None]] = {
    "interactions": one_interaction,
    "interaction + correction": with_correction,
    f"batches of {BATCH}": one_batch,
}


def measure(load: Callable[[Poster], None], url: str, key: str, clients: int, seconds: float) -> dict[str, Any]:
    """Run one load; figures over all clients, from the common start to the last reply."""
    posters = [Poster(url, key) for _ in range(clients)]
    start = threading.Barrier(clients)

    def run(poster: Poster) -> float:
        start.wait()
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            load(poster)
        return time.perf_counter() - began

    with ThreadPoolExecutor(clients) as pool:
        elapsed = max(pool.map(run, posters))
    millis = sorted(ms for poster in posters for ms in poster.tally.millis)
    codes = sum((poster.tally.codes for poster in posters), Counter[int]())
    rows = sum(poster.tally.rows for poster in posters)
    good = sum(count for code, count in codes.items() if code < 300)
    return {
        "clients": clients,
        "seconds": round(elapsed, 2),
        "posts": len(millis),
        "posts_per_second": round(good / elapsed, 1),
        "rows_per_second": round(rows / elapsed, 1),
        "p50_ms": round(statistics.median(millis), 1),
        "p95_ms": round(millis[int(0.95 * (len(millis) - 1))], 1),
        "codes": {str(code): count for code, count in sorted(codes.items())},
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    lines = [f"{'load':26} {'posts/s':>8} {'rows/s':>8} {'p50 ms':>8} {'p95 ms':>8}  codes"]
    for name, r in results.items():
        codes = " ".join(f"{code}:{count}" for code, count in r["codes"].items())
        lines.append(
            f"{name:26} {r['posts_per_second']:8.1f} {r['rows_per_second']:8.1f} {r['p50_ms']:8.1f}"
            f" {r['p95_ms']:8.1f}  {codes}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("CFT_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--key", default=os.environ.get("CFT_BENCH_KEY"))
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--out", type=Path, default=Path("api_load.json"))
    options = parser.parse_args()
    if not options.key:
        parser.error("give an API key with --key or CFT_BENCH_KEY; the sources page issues one")
    results = {
        name: measure(load, options.url, options.key, options.clients, options.seconds) for name, load in LOADS.items()
    }
    print(table(results))
    options.out.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(code < "300" for r in results.values() for code in r["codes"]) else 1


if __name__ == "__main__":
    sys.exit(main())
