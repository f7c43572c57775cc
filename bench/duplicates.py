"""Which duplicates within a training stream are found, and which different rows are taken for duplicates.

    python -m bench.duplicates [--data ../shared/data] [--rows 1000] [--no-embeddings] [--json FILE]

On GSM8K's training rows: planted near-duplicates (a slip of the pen, a polite word, one word less, another order of
sentences) must be found by their bands and verified; the same row with one number or one name changed must not be. On
the demo world's corrections: other phrasings of one fact are the same in other words, two facts never are. Whatever is
merged among GSM8K's rows as they are is a wrong merge.
"""

import argparse
import json
import os
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from curation.checks.duplicates import SHARED_LEAST, Row, band_keys, near, semantic
from curation.decontamination.overlap import Policy

Edit = Callable[[str, random.Random], str]


def slip(text: str, rng: random.Random) -> str:
    """Two neighbouring letters exchanged in two words, none of them a number or a name."""
    places = [m.start() for m in re.finditer(r"(?<=\s)[a-z]{5,}", text)]
    for at in rng.sample(places, min(2, len(places))):
        text = text[: at + 2] + text[at + 3] + text[at + 2] + text[at + 4 :]
    return text


def polite(text: str, rng: random.Random) -> str:
    return rng.choice(("Please help me with this. ", "Hello! ", "Question: ")) + text


def one_less(text: str, rng: random.Random) -> str:
    """Without one of its small words."""
    small = list(re.finditer(r"\b(?:the|a|that|then|also|very)\s", text))
    match = rng.choice(small) if small else None
    return text[: match.start()] + text[match.end() :] if match else text


def spaced(text: str, rng: random.Random) -> str:
    return text.replace(". ", " .\n\n").upper()


def other_number(text: str, rng: random.Random) -> str:
    numbers = list(re.finditer(r"\d+", text))
    match = rng.choice(numbers) if numbers else None
    return text[: match.start()] + str(int(match.group()) + 1) + text[match.end() :] if match else ""


def other_name(text: str, rng: random.Random) -> str:
    names = sorted(set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}", text)))
    return re.sub(rf"\b{rng.choice(names)}\b", "Quentin", text) if names else ""


SAME: dict[str, Edit] = {"slip": slip, "polite": polite, "one_less": one_less, "spaced": spaced}
OTHER: dict[str, Edit] = {"other_number": other_number, "other_name": other_name}


def measure_near(rows: Sequence[Row], limit: float) -> dict[str, Any]:
    """Share of planted duplicates found, share of changed facts merged, by edit; and the time a row's keys take."""
    rng = random.Random(0)
    started = time.process_time()
    keys = [set(keys) for keys in band_keys(rows)]
    per_row = (time.process_time() - started) / len(rows)
    result: dict[str, Any] = {"ms_per_row": round(per_row * 1000, 3)}
    for name, edit in (SAME | OTHER).items():
        edited = [(n, Row(text, row.answer)) for n, row in enumerate(rows) if (text := edit(row.prompt, rng))]
        reached = merged = 0
        for (n, row), bands in zip(edited, band_keys([row for _, row in edited]), strict=True):
            comparison = near(row, rows[n], limit)
            reached += comparison.score >= limit
            merged += comparison.same and len(keys[n] & set(bands)) >= SHARED_LEAST
        result[name] = {"rows": len(edited), "at_the_limit": reached, "merged": merged}
    return result


def merged_by_words(rows: Sequence[Row], limit: float) -> int:
    """Pairs of different rows that are taken for nearly the same."""
    buckets: dict[int, list[int]] = defaultdict(list)
    shared: Counter[tuple[int, int]] = Counter()
    for n, keys in enumerate(band_keys(rows)):
        for key in keys:
            shared.update((m, n) for m in buckets[key])
            buckets[key].append(n)
    likely = [pair for pair, count in shared.items() if count >= SHARED_LEAST]
    return sum(near(rows[m], rows[n], limit).same for m, n in likely)


def merged_by_meaning(rows: Sequence[Row], vectors: Any, limit: float) -> list[tuple[int, int]]:
    likeness = np.triu(vectors @ vectors.T, 1)
    pairs = zip(*np.nonzero(likeness >= limit), strict=True)
    return [(m, n) for m, n in pairs if semantic(rows[m], rows[n], float(likeness[m, n]), limit).same]


def measure_world(encoder: Any, policy: Policy) -> dict[str, Any]:
    """Corrections of the demo world: pairs of one fact, pairs of two, and how many of each are merged."""
    from training.demo_model import world

    corrections = world.corrections(256, 0, 4)
    rows = [Row(correction["prompt"], correction["chosen"]) for correction in corrections]
    topics = [correction["topic"] for correction in corrections]
    of_one = sum(topics[m] == topics[n] for m, n in combinations(range(len(rows)), 2))
    result: dict[str, Any] = {"rows": len(rows), "near_merges": merged_by_words(rows, policy.duplicate_limit)}
    if encoder:
        vectors = encoder.encode([f"{row.prompt}\n{row.answer}" for row in rows])
        merged = merged_by_meaning(rows, vectors, policy.semantic_duplicate_limit)
        same = sum(topics[m] == topics[n] for m, n in merged)
        result |= {"pairs_of_one_fact": of_one, "merged_of_one_fact": same, "merged_of_two_facts": len(merged) - same}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--no-embeddings", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    policy, encoder = Policy(), None
    if not options.no_embeddings:
        from curation.decontamination.engine.encoder import Encoder

        encoder = Encoder.default()
    result: dict[str, Any] = {
        "limits": {"near": policy.duplicate_limit, "semantic": policy.semantic_duplicate_limit},
        "encoder": f"{encoder.name}@{encoder.revision}" if encoder else "not checked",
        "demo_world": measure_world(encoder, policy),
    }
    source = options.data / "gsm8k_train.jsonl"
    if source.exists():
        lines = source.read_text().splitlines()[: options.rows]
        rows = [Row(record["question"], record["answer"]) for record in map(json.loads, lines)]
        result["gsm8k_train"] = measure_near(rows, policy.duplicate_limit)
        result["gsm8k_train"]["wrong_near_merges"] = merged_by_words(rows, policy.duplicate_limit)
        if encoder:
            vectors = encoder.encode([f"{row.prompt}\n{row.answer}" for row in rows])
            wrong = merged_by_meaning(rows, vectors, policy.semantic_duplicate_limit)
            result["gsm8k_train"]["wrong_semantic_merges"] = len(wrong)
    else:
        result["gsm8k_train"] = f"skipped: no {source}"
    text = json.dumps(result, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
