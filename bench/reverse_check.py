"""How long do new exam items take to be compared with every stored row, and how much memory?

Builds a cluster of its own, fills it with corrections, cases and replay rows by COPY, plants copies of items among
them, offers the items as the evaluator does, and lets the screener's own action scan the rows. With `--meaning`, the
items bring embeddings and the rows have stored vectors (random directions, so none is near; the planted ones have
their own). Needs nothing running; leaves nothing but the JSON.

    python -m bench.reverse_check [--rows 1000000] [--items 1000] [--planted 200] [--meaning] [--json FILE]
"""

import argparse
import json
import resource
import time
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from bench.private import services

BATCH, CHUNK = 2_000, 5_000
BENCH = "process:bench"
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def main() -> None:
    args = arguments()
    with services(durable=False):
        from django.conf import settings

        settings.CFT_EMBEDDING_MODEL = "" if args.meaning else "off"
        _, filled = timed(fill, args)
        check_id, offered = timed(offer, args)
        seconds, figures = scan(check_id)
        report = {
            "rows": args.rows,
            "items": args.items,
            "meaning": args.meaning,
            "fill_seconds": filled,
            "offer_seconds": offered,
            "scan_seconds": round(seconds, 2),
            "rows_per_second": round(figures["rows"] / seconds),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "planted": args.planted,
            "found": figures["overlapping"],
            "items_found": figures["items"],
        }
    show(report)
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="stored rows; a tenth are replay rows")
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--planted", type=int, default=200, help="rows that hold an item word for word")
    parser.add_argument("--words", type=int, default=60, help="words of a row's question, and of its answer")
    parser.add_argument("--meaning", action="store_true", help="with embeddings of the items and stored vectors")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def timed(work: Any, *args: Any) -> Any:
    began = time.perf_counter()
    return work(*args), round(time.perf_counter() - began, 2)


# --- texts ------------------------------------------------------------------------------------------------------------
def lexicon() -> NDArray[Any]:
    """Some 25,000 words, shuffled: which are frequent says nothing about how they are spelt."""
    shapes = product(CONSONANTS, VOWELS, CONSONANTS, VOWELS, VOWELS)
    words = np.array(["".join(letters) for letters in shapes], dtype=object)
    np.random.default_rng(5).shuffle(words)
    return words


def sentences(rng: np.random.Generator, words: NDArray[Any], count: int, length: int) -> list[str]:
    """Texts whose few frequent words make up much of them, as in a language."""
    drawn = words[(len(words) * rng.random((count, length)) ** 3).astype(int)]
    return [" ".join(row) for row in drawn]


def items(count: int) -> list[tuple[str, str]]:
    rng, words = np.random.default_rng(7), lexicon()
    return list(zip(sentences(rng, words, count, 35), sentences(rng, words, count, 30), strict=True))


def chunks(args: Any) -> Iterator[list[tuple[str, str]]]:
    """All rows in lists; `planted` of them, evenly spread, hold an item word for word."""
    rng, words, exam = np.random.default_rng(11), lexicon(), items(args.items)
    planted = {number * args.rows // args.planted: number % len(exam) for number in range(args.planted)}
    for first in range(0, args.rows, CHUNK):
        count = min(CHUNK, args.rows - first)
        texts = [sentences(rng, words, count, args.words) for _ in range(2)]
        rows = list(zip(*texts, strict=True))
        for number in planted.keys() & range(first, first + count):
            rows[number - first] = exam[planted[number]]
        yield rows


# --- the stored rows --------------------------------------------------------------------------------------------------
def fill(args: Any) -> None:
    """Rows as they would be after years: nine chunks of ten are corrections with a case, the tenth is replay."""
    from django.db import connection

    from feedback.actions import record_interaction, register_source

    shop = register_source("shop", "Shop", held_out_percent=0, by=BENCH)
    subject = record_interaction(shop, "ann", "Hello", "Hi", by=BENCH).subject
    with connection.cursor() as cursor:
        if args.meaning:  # a graph of a million vectors takes hours, and this comparison reads them all in order
            cursor.execute("DROP INDEX signature_neighbours")
        first = 1
        for number, rows in enumerate(chunks(args)):
            if number % 10 == 9:
                copy_replay(cursor, rows)
            else:
                copy_corrections(cursor, rows, first, subject)
                if args.meaning:
                    copy_vectors(cursor, first, len(rows))
                first += len(rows)
        cursor.execute("ANALYZE")


def copy_corrections(cursor: Any, rows: list[tuple[str, str]], first: int, subject: Any) -> None:
    from django.utils import timezone

    now, identified = timezone.now(), [(uuid4(), uuid4(), *row) for row in rows]
    copy(
        cursor,
        "feedback_interaction (id, source_id, subject_id, lane, environment, prompt, answer, model_name, external_id,"
        " happened_at, created_at)",
        (
            (i, subject.source_id, subject.pk, "training", "production", p, "No.", "", "", now, now)
            for i, _, p, _ in identified
        ),
    )
    copy(
        cursor,
        "feedback_correction (id, interaction_id, note, replacement, reason, created_at)",
        ((c, i, "", a, "wrong_fact", now) for i, c, _, a in identified),
    )
    copy(
        cursor,
        "curation_case (id, correction_id, subject_id, state, opened_at, text_hash, verdict)",
        ((first + n, c, subject.pk, "waiting", now, "", "") for n, (_, c, _, _) in enumerate(identified)),
    )


def copy_replay(cursor: Any, rows: list[tuple[str, str]]) -> None:
    from curation.checks.identity import row_hash

    copy(
        cursor,
        'curation_replayrow (skill, is_refusal, prompt, answer, row_hash, "overlaps")',
        (("chat", False, p, a, row_hash(p, a), False) for p, a in dict.fromkeys(rows)),
    )


def copy_vectors(cursor: Any, first: int, count: int) -> None:
    """A stored vector for each of these cases, of the model that the items are embedded with."""
    from curation.models import DIMENSIONS
    from curation.screening import signatures

    label = signatures.label_of(signatures.configured_encoder())
    drawn = np.random.default_rng(13).standard_normal((500, DIMENSIONS))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    pool = ["[" + ",".join(f"{value:.4f}" for value in row) + "]" for row in drawn]
    bands = "{" + ",".join("0" * 32) + "}"
    copy(
        cursor,
        "curation_signature (case_id, version, question, bands, vector, encoder)",
        ((first + n, signatures.VERSION, 0, bands, pool[n % len(pool)], label) for n in range(count)),
    )


def copy(cursor: Any, into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {into} FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)


# --- the check --------------------------------------------------------------------------------------------------------
def offer(args: Any) -> UUID:
    """What the evaluator does: build a registry of the items, offer it, ask for the comparison."""
    from curation.screening.reverse_check_actions import ask_check
    from evaluation.benchmarks import registry_snapshot
    from evaluation.items import Draft
    from evaluation.vault import actions as vault

    drafts = {place: Draft(*item) for place, item in enumerate(items(args.items))}
    check_id = uuid4()
    sha256 = vault.offer(check_id, registry_snapshot.build_offer("bench v1", drafts))
    ask_check(check_id, sha256, len(drafts), by=BENCH)
    return check_id


def scan(check_id: UUID) -> tuple[float, dict[str, int]]:
    """What the screener does. The kernel is compiled (or read from its cache) before the clock starts."""
    from curation.models import ReverseCheck
    from curation.screening import reverse_check
    from curation.screening.reverse_check_actions import scan_rows

    check = ReverseCheck.objects.get(pk=check_id)
    registry = reverse_check.open_offer(check)
    registry.without_meaning().screen([("warm up", "once")])
    began = time.perf_counter()
    while scan_rows(check_id, registry, BATCH, by=BENCH):
        pass
    seconds = time.perf_counter() - began
    check.refresh_from_db()
    return seconds, reverse_check.figures(check)


def show(report: dict[str, Any]) -> None:
    for name, value in report.items():
        print(f"{name.replace('_', ' '):<16} {str(value) if isinstance(value, bool) else f'{value:,}':>12}")


if __name__ == "__main__":
    main()
