"""Real people's feedback through the running stack: 1,995 answers with ratings and explanations, as untyped comments.

    python bench/feedbackqa.py --url http://127.0.0.1:8000 --key cft_… [--data FOLDER] [--wait 600] [--out FILE]

Posts feedbackqa.jsonl from --data (or CFT_DATA_DIR) in batches through the API, waits until every comment of the
training lane has a screened case, and counts. The figures are read from the database named by DATABASE_URL (any role
that may read cases and pairs will do). Fails if a single explanation became a pair.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg

FILE = "feedbackqa.jsonl"
LIMIT = 1_000
CASES = """
SELECT count(*), count(k.id), count(k.id) FILTER (WHERE k.screened_at IS NOT NULL),
       count(k.id) FILTER (WHERE k.state = 'open'), max(k.screened_at) - min(c.created_at)
FROM feedback_comment c LEFT JOIN curation_case k ON k.comment_id = c.id WHERE c.id = ANY (%s)
"""
PAIRS = """
SELECT count(*) FROM curation_pair p JOIN feedback_correction f ON f.id = p.correction_id
WHERE f.interaction_id IN (SELECT interaction_id FROM feedback_receipt WHERE id = ANY (%s))
   OR p.chosen = ANY (%s) OR p.rejected = ANY (%s)
"""


def rows_of(number: int, record: dict[str, Any]) -> list[dict[str, Any]]:
    """One answer: the interaction, whose subject is its question, and a comment for every rating."""
    name = f"feedbackqa-{number}"
    interaction = {"kind": "interaction", "external_id": name, "subject": record["question"][:200]}
    interaction |= {"prompt": record["question"], "answer": record["answer"]}
    comments = [
        {"kind": "comment", "external_id": name, "rating": rating, "text": text}
        for rating, text in zip(record["ratings"], record["explanations"], strict=True)
    ]
    return [interaction, *comments]


def batches(records: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for number, record in enumerate(records):
        rows = rows_of(number, record)
        if len(batch) + len(rows) > LIMIT:
            yield batch
            batch = []
        batch += rows
    yield batch


def post_all(url: str, key: str, records: list[dict[str, Any]]) -> tuple[Counter[str], list[str], float]:
    """Post everything; counts by outcome, the ids of all comments, and seconds."""
    counts, comments = Counter[str](), []
    started = time.perf_counter()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120) as http:
        for number, batch in enumerate(batches(records)):
            reply = http.post("/api/v1/feedback/batch", json=batch, headers={"Idempotency-Key": f"feedbackqa-{number}"})
            reply.raise_for_status()
            for result in reply.json()["results"]:
                counts[result["status"]] += 1
                if result["kind"] == "comment" and result["id"]:
                    comments.append(result["id"])
    return counts, comments, time.perf_counter() - started


def wait_for_triage(database: psycopg.Connection[Any], comments: list[str], seconds: float) -> dict[str, Any]:
    """Poll until every comment of the training lane is screened, or `seconds` are over."""
    deadline = time.monotonic() + seconds
    while True:
        counts = database.execute(CASES, [comments]).fetchone()
        assert counts is not None
        stored, cases, screened, is_open, took = counts
        if screened >= stored or time.monotonic() > deadline:
            return {
                "comments_in_training_lane": stored,
                "cases": cases,
                "screened": screened,
                "open_in_triage": is_open,
                "seconds_to_triage": took.total_seconds() if took else None,
            }
        print(f"  {screened:,} of {stored:,} screened", flush=True)
        time.sleep(2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("CFT_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--key", default=os.environ.get("CFT_BENCH_KEY"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--wait", type=float, default=600)
    parser.add_argument("--out", type=Path, default=Path("feedbackqa.json"))
    options = parser.parse_args()
    file = options.data / FILE
    if not file.is_file():
        print(f"skipped: there is no {FILE} in {options.data}; name the folder with --data or CFT_DATA_DIR")
        return 0
    if not options.key or "DATABASE_URL" not in os.environ:
        parser.error("give an API key with --key or CFT_BENCH_KEY, and the database to read in DATABASE_URL")
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    counts, comments, seconds = post_all(options.url, options.key, records)
    explanations = [text for record in records for text in record["explanations"]]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        triage = wait_for_triage(database, comments, options.wait)
        pairs = database.execute(PAIRS, [comments, explanations, explanations]).fetchone()
    result = {
        "answers": len(records),
        "explanations": len(explanations),
        "rows": dict(counts),
        "comments_posted": len(comments),
        "comments_in_vault": len(comments) - triage["comments_in_training_lane"],
        "post_seconds": round(seconds, 2),
        "rows_per_second": round(sum(counts.values()) / seconds, 1),
        **triage,
        "pairs": pairs[0] if pairs else None,
    }
    for name, value in result.items():
        print(f"{name:28} {value}")
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    if result["pairs"]:
        print("FAILED: an explanation became a training pair.")
    waiting = triage["comments_in_training_lane"] - triage["screened"]
    if waiting:
        print(f"FAILED: {waiting:,} comments were not screened within {options.wait:.0f} s.")
    return 1 if result["pairs"] or waiting else 0


if __name__ == "__main__":
    sys.exit(main())
