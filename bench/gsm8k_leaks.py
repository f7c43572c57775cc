"""GSM8K's test set as a benchmark, its training set posted as corrections with 200 test items hidden among them.

    python -m bench.gsm8k_leaks [--data FOLDER] [--hidden 200] [--out gsm8k_leaks.json]

Runs the real actions (publish, record, open, screen) in a private database cluster: no HTTP, no queue. Prints how many
of the hidden items and of the clean rows were blocked, and by which method. The hidden items are posted as they are
("plain"), and, in later passes, only screened, not stored: in other dresses. The clean reference for common phrases
is the docstrings of Python's standard library; no GSM8K row takes part in it.
"""

import argparse
import ast
import json
import os
import random
import resource
import sys
import sysconfig
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import private

SEED = 20_261_120
SUBJECT = "gsm8k-{}"
BENCH = "process:bench"
Row = dict[str, Any]
LOOK_ALIKE = str.maketrans({"a": "а", "e": "е", "o": "о", "c": "с", "p": "р", "x": "х", "i": "і"})


def read(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def docstrings() -> Iterator[str]:
    """Clean English of another kind: what the standard library says about itself."""
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                yield text


def stream(train: list[Row], test: list[Row], hidden: int) -> list[tuple[bool, Row]]:
    """The training rows and `hidden` test rows, shuffled: (is hidden, row)."""
    rng = random.Random(SEED)
    rows = [(False, row) for row in train] + [(True, row) for row in rng.sample(test, hidden)]
    rng.shuffle(rows)
    return rows


def publish(test: list[Row]) -> float:
    """Publish the test set; seconds."""
    from django.contrib.auth.models import User

    from evaluation.actions import import_benchmark

    started = time.perf_counter()
    items = [{"question": row["question"], "answer": row["answer"]} for row in test]
    import_benchmark(
        "gsm8k-test",
        "GSM8K test",
        "business",
        items,
        scorer="contains",
        margin=0.05,
        background=docstrings(),
        by=User.objects.create_user("examiner"),
    )
    return time.perf_counter() - started


def post(rows: list[tuple[bool, Row]]) -> tuple[dict[uuid.UUID, bool], float]:
    """Record every row as a correction with consent, each by a subject of its own: correction → is hidden; seconds."""
    from feedback.actions import BatchRow, record_batch, register_source

    source = register_source("gsm8k", "GSM8K", held_out_percent=0, by=BENCH)
    corrections: dict[uuid.UUID, bool] = {}
    started = time.perf_counter()
    for first in range(0, len(rows), 400):
        batch = []
        for number, (is_hidden, row) in enumerate(rows[first : first + 400], first):
            name, correction = SUBJECT.format(number), uuid.uuid4()
            words = {"prompt": row["question"], "answer": "I am not sure."}
            batch.append(BatchRow("interaction", uuid.uuid4(), words, external_id=name, subject_key=name))
            words = {"replacement": row["answer"]}
            batch.append(BatchRow("correction", correction, words, external_id=name, consent=True))
            corrections[correction] = is_hidden
        for result in record_batch(source, batch, by=BENCH):
            assert result.blocker is None, result.blocker
    return corrections, time.perf_counter() - started


def screen() -> tuple[Any, float]:
    """Open and screen everything; the registry and seconds of screening alone."""
    from curation import actions, registry

    opened = registry.current()
    assert opened is not None
    while actions.open_missing_cases(1000, by=BENCH):
        pass
    started = time.perf_counter()
    while actions.screen_waiting(500, opened, by=BENCH):
        pass
    return opened, time.perf_counter() - started


def count(corrections: dict[uuid.UUID, bool]) -> dict[str, Any]:
    """Blocked rows by check and, for overlap, by method; among hidden and clean rows."""
    from curation.models import Blocker, Case

    blockers = Blocker.objects.filter(blocking=True).values_list("case__correction_id", "check_name", "evidence")
    checks: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    methods: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for correction, check, evidence in blockers:
        is_hidden = corrections[correction]
        checks[is_hidden][check] += 1
        if check == "overlap":
            methods[is_hidden][evidence["method"]] += 1
    open_cases = Case.objects.filter(state="open").count()
    return {
        "rows": len(corrections),
        "screened": open_cases,
        "hidden": sum(corrections.values()),
        "hidden_blocked": checks[True]["overlap"],
        "hidden_by_method": dict(methods[True]),
        "clean": len(corrections) - sum(corrections.values()),
        "clean_blocked": checks[False]["overlap"],
        "clean_by_method": dict(methods[False]),
        "clean_other_checks": {name: n for name, n in checks[False].items() if name != "overlap"},
    }


def dresses(train: list[Row]) -> dict[str, Callable[[Row, random.Random], tuple[str, str]]]:
    def scattered(text: str, rng: random.Random) -> str:
        return "".join(letter + ("\u200b" if rng.random() < 0.1 else "") for letter in text)

    def edited(text: str, rng: random.Random) -> str:
        return " ".join(word for word in text.split() if rng.random() > 0.1)

    def wrapped(row: Row, rng: random.Random) -> tuple[str, str]:
        before, after = rng.sample(train, 2)
        return f"{before['question']} {row['question']} {after['question']}", before["answer"]

    return {
        "plain": lambda row, rng: (row["question"], row["answer"]),
        "question only": lambda row, rng: (row["question"], "I do not know."),
        "upper case": lambda row, rng: (row["question"].upper(), row["answer"].upper()),
        "look-alike letters": lambda row, rng: (row["question"].translate(LOOK_ALIKE), row["answer"]),
        "zero-width characters": lambda row, rng: (scattered(row["question"], rng), ""),
        "every tenth word gone": lambda row, rng: (edited(row["question"], rng), edited(row["answer"], rng)),
        "question between two others": wrapped,
    }


def dressed(opened: Any, test: list[Row], train: list[Row], rephrased: list[Row]) -> dict[str, float]:
    """Share of all test items found in each dress."""
    shares = {}
    for name, dress in dresses(train).items():
        rng = random.Random(SEED)
        shares[name] = sum(opened.check(*dress(row, rng)).blocked for row in test) / len(test)
    if rephrased:
        texts = [row["text"].removeprefix("Question: ").split("\nAnswer")[0] for row in rephrased]
        shares["rephrased by a language model"] = sum(opened.check(text).blocked for text in texts) / len(texts)
    return {name: round(share, 4) for name, share in shares.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("gsm8k_leaks.json"))
    options = parser.parse_args()
    files = [options.data / f"gsm8k_{name}.jsonl" for name in ("train", "test", "test_rephrased")]
    if not all(file.is_file() for file in files[:2]):
        print(f"skipped: no gsm8k_train.jsonl and gsm8k_test.jsonl in {options.data}; name the folder with --data")
        return 0
    train, test = read(files[0]), read(files[1])
    rephrased = read(files[2]) if files[2].is_file() else []
    with private.services(durable=False):
        publish_seconds = publish(test)
        corrections, post_seconds = post(stream(train, test, options.hidden))
        opened, screen_seconds = screen()
        result = count(corrections) | {"found_by_dress": dressed(opened, test, train, rephrased)}
    result |= {
        "publish_seconds": round(publish_seconds, 1),
        "post_seconds": round(post_seconds, 1),
        "screen_seconds": round(screen_seconds, 1),
        "milliseconds_a_row": round(1000 * screen_seconds / result["rows"], 2),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"{name:22} {value}")
            continue
        print(name)
        for inner, figure in value.items():
            print(f"    {inner:32} {figure}")
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    if result["hidden_blocked"] < result["hidden"] or result["screened"] < result["rows"]:
        print("FAILED: a hidden item got through, or a row was not screened.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
