"""How many leaks of programs are found, by n-grams of words alone and with the structure of code, and what is blocked
of programs that are none.

    python -m bench.code_leaks [--data DIR] [--half reporting] [--clean 8000] [--out bench/results/code_leaks.json]

Protected are all items of HumanEval (`leaks/humaneval.items.jsonl` of the data folder); leaks are those of the items of
one half, by a hash of their id: widths, lengths and the limit were chosen on `tuning`. Clean rows are functions of the
standard library and of installed packages, whole modules of those, and JavaScript and C headers found on this machine.
By a hash of the package one half of the Python functions is the clean reference of the second registry, and the other
half must pass; the first registry has no reference at all. Functions in which a leak really stands are counted as well.
Of a program that holds too little code to be told from what everybody writes, the share is said beside.
"""

import argparse
import ast
import hashlib
import json
import os
import platform
import random
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

from curation.decontamination.overlap import Overlap, Policy, decide
from curation.decontamination.registry import Registry

SEED = 20_261_130
KEY = hashlib.sha256(b"a throw-away key for programs").digest()
REFERENCE, OF_A_PACKAGE, FILES_OF_A_PACKAGE = 12_000, 250, 120
MODULES, OTHERS = 1_000, 700
WORDS = ("exact", "sequence", "containment", "jaccard")
Text = tuple[str, str]
Form = tuple[str, str, str]
"""A form of leak, the id of its item, the row."""


def half_of(name: str) -> str:
    return "reporting" if hashlib.sha256(name.encode()).digest()[0] % 2 else "tuning"


# --- texts ------------------------------------------------------------------------------------------------------------
def read(path: Path) -> list[dict[str, Any]]:
    with path.open() as lines:
        return [json.loads(line) for line in lines]


def leaks_of(folder: Path, half: str) -> list[Form]:
    rows = [(*row["id"].split("|"), row["text"]) for row in read(folder / "humaneval.leaks.jsonl")]
    return [(form, item, text) for form, item, text in rows if half_of(item) == half]


def packages() -> dict[str, list[Path]]:
    """The Python files of the standard library and of what is installed, by package, in an order of chance."""
    files: dict[str, list[Path]] = {}
    for root in (Path(sysconfig.get_paths()["stdlib"]), Path(sysconfig.get_paths()["purelib"])):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).parts
            if parts[0] not in ("site-packages", "curation"):
                files.setdefault(parts[0].removesuffix(".py"), []).append(path)
    for own in files.values():
        random.Random(SEED).shuffle(own)
    return files


def functions_of(paths: Iterable[Path]) -> Iterator[str]:
    """Functions of at least four lines."""
    for path in paths:
        source = path.read_text(errors="ignore")
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        lines = source.splitlines(keepends=True)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 3:
                yield dedent("".join(lines[node.lineno - 1 : node.end_lineno]))


def sampled(texts: Iterable[str], most: int) -> list[str]:
    different = sorted(set(texts))
    return random.Random(SEED).sample(different, min(most, len(different)))


def clean_rows(most: int) -> tuple[list[str], dict[str, list[str]]]:
    """The clean reference, and by kind what must pass."""
    halves: dict[str, list[str]] = {"tuning": [], "reporting": []}
    files: list[Path] = []
    for package, paths in packages().items():
        halves[half_of(package)] += sampled(functions_of(paths[:FILES_OF_A_PACKAGE]), OF_A_PACKAGE)
        files += paths if half_of(package) == "reporting" else []
    random.Random(SEED).shuffle(files)
    return sampled(halves["tuning"], REFERENCE), {
        "Python functions": sampled(halves["reporting"], most),
        "Python modules": list(texts_of(files, "python", MODULES)),
        "JavaScript files": list(texts_of(sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.js")), "js", OTHERS)),
        "C headers": list(texts_of(sorted(Path("/usr/include").rglob("*.h")), "c", OTHERS)),
    }


def texts_of(paths: Iterable[Path], language: str, most: int) -> Iterator[str]:
    """So many files of a readable length, fenced."""
    for path in paths:
        text = path.read_text(errors="ignore")
        if most and 500 < len(text) < 60_000:
            yield f"```{language}\n{text}\n```"
            most -= 1


# --- measuring --------------------------------------------------------------------------------------------------------
def blocked_by(overlaps: Sequence[Overlap], methods: Sequence[str]) -> list[bool]:
    """Which rows these measures alone would block."""
    policy = Policy()
    return [
        decide({name: overlap.scores[name] for name in methods if name in overlap.scores}, policy) is not None
        for overlap in overlaps
    ]


def recall(registry: Registry, leaks: Sequence[Form]) -> dict[str, dict[str, float]]:
    """By form, in per cent: found by words, by both, and by both of the items that hold enough code."""
    short = set(registry.header["code_too_short"])
    overlaps = registry.screen([(text, "") for _, _, text in leaks])
    words, both = blocked_by(overlaps, WORDS), blocked_by(overlaps, (*WORDS, "structure"))
    table = {}
    for form in dict.fromkeys(form for form, _, _ in leaks):
        own = [n for n, leak in enumerate(leaks) if leak[0] == form]
        enough = [n for n in own if leaks[n][1] not in short]
        table[form] = {
            "rows": len(own),
            "words": share(words, own),
            "with_structure": share(both, own),
            "rows_with_enough_code": len(enough),
            "of_those_with_structure": share(both, enough),
        }
    return table


def share(hits: Sequence[bool], among: Sequence[int]) -> float:
    return round(100 * sum(hits[n] for n in among) / max(1, len(among)), 1)


def false_positives(registry: Registry, clean: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    counts = {}
    for kind, texts in clean.items():
        began = time.process_time()
        overlaps = registry.screen([(text, "") for text in texts])
        seconds = time.process_time() - began
        counts[kind] = {
            "rows": len(texts),
            "by_words": sum(blocked_by(overlaps, WORDS)),
            "by_structure": sum(blocked_by(overlaps, ("structure",))),
            "read_as_code": sum("structure" in overlap.scores for overlap in overlaps),
            "cpu_us_a_row": round(1e6 * seconds / max(1, len(texts))),
            "cpu_us_a_character": round(1e6 * seconds / max(1, sum(map(len, texts))), 2),
        }
    return counts


def measure(items: Sequence[dict[str, str]], background: Sequence[str], leaks: Sequence[Form], clean: Any) -> Any:
    protected = [(item["id"], item["benchmark"], item["question"], item["answer"]) for item in items]
    began = time.process_time()
    registry = Registry.from_bytes(Registry.build(protected, KEY, background), KEY)
    return {
        "background": len(background),
        "build_cpu_seconds": round(time.process_time() - began, 1),
        "items_with_code": registry.header["code_items"],
        "items_with_too_little_code": len(registry.header["code_too_short"]),
        "recall": recall(registry, leaks),
        "clean": false_positives(registry, clean),
    }


def show(name: str, result: Any) -> None:
    print(
        f"\n{name}: {result['items_with_code']} items with code, {result['items_with_too_little_code']} with too little"
    )
    print(f"{'found, %':36}{'rows':>6}{'words':>8}{'+ code':>8}{'enough code':>13}{'+ code':>8}")
    for form, line in result["recall"].items():
        cells = (line["rows"], line["words"], line["with_structure"])
        enough = line["rows_with_enough_code"], line["of_those_with_structure"]
        print(f"{form:36}{cells[0]:6}{cells[1]:8}{cells[2]:8}{enough[0]:13}{enough[1]:8}")
    print(f"{'clean rows blocked':36}{'rows':>6}{'words':>8}{'code':>8}{'CPU-us a row':>14}")
    for kind, line in result["clean"].items():
        print(f"{kind:36}{line['rows']:6}{line['by_words']:8}{line['by_structure']:8}{line['cpu_us_a_row']:14}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--half", choices=("reporting", "tuning"), default="reporting")
    parser.add_argument("--clean", type=int, default=8_000, help="functions that must pass, at most")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "code_leaks.json")
    options = parser.parse_args()
    folder = options.data / "leaks"
    if not (folder / "humaneval.items.jsonl").is_file():
        print(f"skipped: the leaks of HumanEval are not in {folder}; name the data folder with --data or CFT_DATA_DIR")
        return 0
    items, leaks = read(folder / "humaneval.items.jsonl"), leaks_of(folder, options.half)
    reference, clean = clean_rows(options.clean)
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "half": options.half,
        "limit": Policy().structure_limit,
        "without a clean reference": measure(items, [], leaks, clean),
        "with a clean reference of code": measure(items, reference, leaks, clean),
    }
    for name, value in result.items():
        if isinstance(value, dict):
            show(name, value)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
