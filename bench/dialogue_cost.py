"""What screening a dialogue costs: CPU-µs a message, by turns; and a system prompt that a thousand rows carry.

Dialogues are made of clean questions and answers of `bench.leak_table`, each used once. *first*: nothing of them was
read before; *next turn*: the same dialogues one turn later, whose history is known. Beside them the short form, two
texts a row. CPU time of one thread, so that other load on the machine changes it little.

    OMP_NUM_THREADS=1 python -m bench.dialogue_cost [--data DIR] [--rows 1000] [--out dialogue_cost.json]
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.dialogue_leaks import Dialogue, dialogue
from bench.leak_table import Domain, Text, build_registry, docstrings, reworded_file, school_maths
from curation.checks import comparison, pattern_places, personal_data, secrets
from curation.checks.comparison import compare
from curation.checks.remembered import Remembered
from curation.decontamination.engine.encoder import Encoder, VectorCache
from curation.decontamination.registry import Registry

RULES: tuple[Any, ...] = (personal_data, secrets)
TURNS = (2, 5, 20)
DIALOGUES, EMBEDDED = 20, 3
SYSTEM_WORDS = 600
SMALL = 150  # items of the registry with embeddings: the model's time is that of the row's texts


def fresh(encoder: Encoder | None = None) -> None:
    """Nothing is known."""
    comparison._known, pattern_places._known = Remembered(), Remembered()
    if encoder:
        encoder._cache = VectorCache(16_384)


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def a_message(seconds: float, dialogues: Sequence[Dialogue]) -> float:
    return round(seconds / sum(len(one.messages) + 1 for one in dialogues) * 1e6, 1)


def later(one: Dialogue, row: Text) -> Dialogue:
    """The same dialogue with one question and answer more."""
    more = [{"role": "user", "content": row[0]}, {"role": "assistant", "content": row[1]}]
    return Dialogue([*one.messages, one.answer, more[0]], more[1])


def screened(registry: Registry, dialogues: Sequence[Dialogue]) -> Callable[[], object]:
    rows = [one.row for one in dialogues]
    return lambda: list(compare(rows, registry))


def patterns(dialogues: Sequence[Dialogue]) -> Callable[[], object]:
    rows = [one.row for one in dialogues]
    return lambda: [pattern_places.in_conversation(rules, *row) for row in rows for rules in RULES]


def by_turns(clean: Sequence[Text], words: Registry, meaning: Registry, encoder: Encoder) -> dict[str, Any]:
    rows: dict[str, Any] = {"1 (short form)": short_form(clean[:DIALOGUES], words, meaning, encoder)}
    for turns in TURNS:
        groups = [clean[n * turns : (n + 1) * turns] for n in range(DIALOGUES)]
        first = [dialogue(group) for group in groups if len(group) == turns]
        second = [later(one, clean[-1 - n]) for n, one in enumerate(first)]
        fresh(encoder)
        rows[str(turns)] = {
            "n-grams, first": a_message(cpu(screened(words, first)), first),
            "n-grams, next turn": a_message(cpu(screened(words, second)), second),
            "embeddings, first": a_message(cpu(screened(meaning, first[:EMBEDDED])), first[:EMBEDDED]),
            "embeddings, next turn": a_message(cpu(screened(meaning, second[:EMBEDDED])), second[:EMBEDDED]),
            "personal data and secrets, first": a_message(cpu(patterns(first)), first),
            "personal data and secrets, next turn": a_message(cpu(patterns(second)), second),
        }
        print(turns, rows[str(turns)], flush=True)
    return rows


def short_form(rows: Sequence[Text], words: Registry, meaning: Registry, encoder: Encoder) -> dict[str, float]:
    fresh(encoder)
    some = rows[: 3 * EMBEDDED]
    scans = cpu(lambda: [pattern_places.in_texts(rules, *row) for row in rows for rules in RULES])
    return {
        "n-grams, first": round(cpu(lambda: words.screen(rows)) / len(rows) / 2 * 1e6, 1),
        "embeddings, first": round(cpu(lambda: meaning.screen(some)) / len(some) / 2 * 1e6, 1),
        "personal data and secrets, first": round(scans / len(rows) / 2 * 1e6, 1),
    }


def shared_prompt(clean: Sequence[Text], manual: Sequence[Text], words: Registry, count: int) -> dict[str, Any]:
    """A long system prompt, made of a manual's texts, in so many rows, and as many rows with one of their own each."""
    system = " ".join(" ".join(map(" ".join, manual)).split()[:SYSTEM_WORDS])
    prompts = {"the same": [system] * count, "each its own": [f"{system} Row {n}." for n in range(count)]}
    seconds = {}
    for name, each in prompts.items():
        rows = [
            Dialogue([{"role": "system", "content": prompt}, {"role": "user", "content": row[0]}], {"content": row[1]})
            for prompt, row in zip(each, clean[-count:], strict=True)
        ]
        fresh()
        seconds[name] = round(cpu(screened(words, rows)), 3)
    return {"rows": count, "words": SYSTEM_WORDS, "cpu_seconds": seconds}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--rows", type=int, default=1_000, help="rows that carry the system prompt")
    parser.add_argument("--out", type=Path, default=Path("dialogue_cost.json"))
    options = parser.parse_args()
    if not reworded_file(options.data).is_file():
        print(f"skipped: the data sets are not in {options.data}; name the folder with --data or CFT_DATA_DIR")
        return 0
    maths = school_maths(options.data)
    manuals = docstrings()
    words = build_registry([maths, manuals], None)
    encoder = Encoder.default()
    assert encoder is not None
    small = Domain(maths.name, maths.protected[:SMALL], maths.reference[:SMALL])
    meaning = build_registry([small], encoder)
    clean = maths.negatives
    words.screen(clean[:200]), meaning.screen(clean[-40:])  # compiled and loaded
    result = {
        "microseconds_a_message": by_turns(clean, words, meaning, encoder),
        "system_prompt": shared_prompt(clean, manuals.negatives, words, options.rows),
        "items": {"n-grams": len(words), "embeddings": len(meaning)},
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
    }
    print(json.dumps(result, indent=2))
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
