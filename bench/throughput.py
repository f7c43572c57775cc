"""Documents per CPU-second on one core: this registry beside datasketch (the textbook rule) and rensa.

    python -m bench.throughput [--rows 100000] [--items 50000] [--scales 10000 100000 1000000]
                               [--alone] [--out throughput.json] [--plot throughput.svg]

`--scales` without numbers makes only the table of contenders, `--alone` leaves the other libraries out.

Documents of about 130 words, made by a seeded shuffle of short runs of words from the docstrings of Python's standard
library. One in a hundred holds an item: half of them are the item and nothing else, half hold it in the middle. Each
contender reads the same documents in a process of its own, with one thread; its CPU time covers everything from text to
verdict (normalisation, hashing, lookup, exact verification), its peak memory the whole process with its texts. Ours is
built in one process and mapped by another. In both scalings everything but one size stays as given.
"""

import argparse
import ast
import itertools
import json
import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEY = b"a key for the benchmark, 32 byte"
WORDS, PLANTED_EVERY, AT_ONCE = 130, 100, 10_000
BACKGROUND = 2_000
ITEMS, ROWS, CLEAN = range(3)  # what the generator is seeded with
Document = tuple[str, str]
"""Text, and which form of leak it holds (or none)."""


def corpus() -> list[str]:
    """The words of the standard library's docstrings, in order."""
    words: list[str] = []
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                words += text.split()
    return words


def texts(words: Sequence[str], use: int, first: int, count: int) -> Iterator[str]:
    """Texts number `first` to `first + count` of one use: runs of one to four words, from anywhere."""
    for block in range(first, first + count, 1_000):
        numbers = np.arange(block, min(block + 1_000, first + count), dtype=np.uint64)
        drawn = scrambled(np.add.outer(numbers << np.uint64(8), np.arange(WORDS // 2, dtype=np.uint64)), use)
        lengths, starts = drawn % np.uint64(4) + np.uint64(1), (drawn >> np.uint64(8)) % np.uint64(len(words) - 4)
        for run_starts, run_lengths in zip(starts.tolist(), lengths.tolist(), strict=True):
            runs = (words[s : s + n] for s, n in zip(run_starts, run_lengths, strict=True))
            yield " ".join(itertools.islice(itertools.chain.from_iterable(runs), WORDS))


def scrambled(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """A random number for each: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    z = (numbers + np.uint64(seed << 56)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def documents(words: Sequence[str], rows: int, items: int) -> Iterator[list[Document]]:
    """All documents, a batch at a time. The item of a planted one is drawn from all items."""
    for first in range(0, rows, AT_ONCE):
        batch = []
        for number, text in enumerate(texts(words, ROWS, first, min(AT_ONCE, rows - first)), first):
            if number % PLANTED_EVERY:
                batch.append((text, ""))
                continue
            (item,) = texts(words, ITEMS, number * 7_919 % items, 1)
            embedded = number // PLANTED_EVERY % 2
            batch.append((f"{text} {item} {text[::-1]}" if embedded else item, "embedded" if embedded else "whole"))
        yield batch


class Tally:
    """CPU seconds of the timed work, and the planted leaks that were found."""

    def __init__(self) -> None:
        self.cpu, self.hits, self.planted, self.others, self.rows = 0.0, Counter[str](), Counter[str](), 0, 0

    def screen(self, batch: Sequence[Document], blocks: Callable[[list[str]], Sequence[bool]]) -> None:
        rows = [text for text, _ in batch]
        started = time.process_time()
        verdicts = blocks(rows)
        self.cpu += time.process_time() - started
        self.rows += len(batch)
        for (_, form), blocked in zip(batch, verdicts, strict=True):
            self.planted[form] += bool(form)
            self.hits[form] += bool(form and blocked)
            self.others += bool(blocked and not form)

    def result(self, **more: Any) -> dict[str, Any]:
        forms = sorted(form for form in self.planted if form)
        return {
            "rows": self.rows,
            "rows_per_cpu_second": round(self.rows / self.cpu),
            "cpu_seconds": round(self.cpu, 2),
            "planted": {form: self.planted[form] for form in forms},
            "found": {form: self.hits[form] for form in forms},
            "others_blocked": self.others,
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            **more,
        }


def build(arguments: argparse.Namespace) -> dict[str, Any]:
    """Build our registry and leave it in the file."""
    from curation.decontamination.registry import Registry

    words = corpus()
    items = [(f"i{n}", "bench v1", text, "") for n, text in enumerate(texts(words, ITEMS, 0, arguments.items))]
    clean = list(texts(words, CLEAN, 0, BACKGROUND))
    Registry.build(items[:100], KEY, clean[:10])  # compiled
    started = time.process_time()
    content = Registry.build(items, KEY, clean)
    seconds = time.process_time() - started
    arguments.file.write_bytes(content)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"build_cpu_seconds": round(seconds, 1), "build_peak_mb": peak, "file_mb": len(content) // 2**20}


def ours(arguments: argparse.Namespace) -> dict[str, Any]:
    from curation.decontamination.registry import Registry

    words, tally = corpus(), Tally()
    registry = Registry.open(arguments.file, KEY)
    registry.check("Compiled, loaded.")

    def blocks(rows: list[str]) -> list[bool]:
        return [overlap.blocked for overlap in registry.screen([(row, "") for row in rows], spans=False)]

    for batch in documents(words, arguments.rows, arguments.items):
        tally.screen(batch, blocks)
    return tally.result(items=len(registry), one_row_microseconds=one_row(registry, words))


def one_row(registry: Any, words: Sequence[str]) -> dict[str, float]:
    """Wall time of a row on its own, text to verdict: median and 99th percentile."""
    times = []
    for text in texts(words, ROWS, 0, 3_000):
        started = time.perf_counter()
        registry.check(text)
        times.append((time.perf_counter() - started) * 1e6)
    return {"p50": round(float(np.percentile(times, 50)), 1), "p99": round(float(np.percentile(times, 99)), 1)}


def characters(text: str) -> list[str]:
    text = text.lower()
    return [text[i : i + 5] for i in range(len(text) - 4)]


def word_runs(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[i : i + 5]) for i in range(len(words) - 4)]


def by_minhash(arguments: argparse.Namespace, sketch: Callable[[str], Any], index: Any) -> dict[str, Any]:
    """Any library with a sketch of a text and an index that is asked for candidates; a candidate counts as found."""
    words, tally = corpus(), Tally()
    started = time.process_time()
    for number, text in enumerate(texts(words, ITEMS, 0, arguments.items)):
        index.insert(number, sketch(text))
    seconds = time.process_time() - started
    for batch in documents(words, arguments.rows, arguments.items):
        tally.screen(batch, lambda rows: [bool(index.query(sketch(row))) for row in rows])
    return tally.result(items=arguments.items, build_cpu_seconds=round(seconds, 1))


def datasketch(arguments: argparse.Namespace) -> dict[str, Any]:
    """As its documentation shows: sketches of 128 values, an index that chooses its bands for a threshold of .8."""
    from datasketch import MinHash, MinHashLSH

    def sketch(text: str) -> MinHash:
        minhash = MinHash(num_perm=128)
        minhash.update_batch([piece.encode() for piece in characters(text)])
        return minhash

    return by_minhash(arguments, sketch, MinHashLSH(threshold=0.8, num_perm=128))


def rensa(arguments: argparse.Namespace, pieces: Callable[[str], list[str]]) -> dict[str, Any]:
    """With what its documentation measures itself with for a threshold of .8: 128 values, 8 bands.

    Text by text: its calls for many texts at once need all pieces in memory, and were slower here.
    """
    from rensa import RMinHash, RMinHashLSH

    def sketch(text: str) -> RMinHash:
        minhash = RMinHash(num_perm=128, seed=42)
        minhash.update(pieces(text))
        return minhash

    return by_minhash(arguments, sketch, RMinHashLSH(threshold=0.8, num_perm=128, num_bands=8))


CONTENDERS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "build": build,
    "ours": ours,
    "datasketch char-5": datasketch,
    "rensa char-5": lambda arguments: rensa(arguments, characters),
    "rensa word-5": lambda arguments: rensa(arguments, word_runs),
}


def in_process(contender: str, rows: int, items: int, file: Path) -> dict[str, Any]:
    """One contender's figures, from a process of its own with one thread."""
    command = [sys.executable, "-m", "bench.throughput", "--contender", contender, "--file", str(file)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    out = subprocess.run(
        [*command, "--rows", str(rows), "--items", str(items)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env=os.environ | threads,
    ).stdout
    return json.loads(out.splitlines()[-1])


def measure_ours(rows: int, items: int, folder: Path) -> dict[str, Any]:
    """Built, then screened, by two processes that share a file."""
    file = folder / f"{items}.cftreg"
    built = {} if file.exists() else in_process("build", rows, items, file)
    return in_process("ours", rows, items, file) | built


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {"words": WORDS, "contenders": {}, "by_items": {}, "by_rows": {}}

    def printed(title: str, figures: dict[str, Any]) -> dict[str, Any]:
        print(f"{title}: {json.dumps(figures)}", flush=True)
        return figures

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result["contenders"]["ours"] = printed("ours", measure_ours(arguments.rows, arguments.items, folder))
        for contender in CONTENDERS if not arguments.alone else ():
            if contender not in ("build", "ours"):
                figures = in_process(contender, arguments.rows, arguments.items, folder / "none")
                result["contenders"][contender] = printed(contender, figures)
        for rows in arguments.scales:
            figures = measure_ours(rows, arguments.items, folder)
            result["by_rows"][str(rows)] = printed(f"{rows:,} rows", figures)
        for items in arguments.scales:
            figures = measure_ours(arguments.rows, items, folder)
            result["by_items"][str(items)] = printed(f"{items:,} items", figures)
            (folder / f"{items}.cftreg").unlink()
    return result


def plot(result: dict[str, Any]) -> str:
    """Two panels side by side: documents per CPU-second by items, and by rows; both axes are logarithmic."""
    panels = [("items in the registry", result["by_items"]), ("rows", result["by_rows"])]
    drawn = [
        panel(title, {int(size): figure["rows_per_cpu_second"] for size, figure in figures.items()}, 20 + 360 * i)
        for i, (title, figures) in enumerate(panels)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 300" font-family="sans-serif" font-size="12">'
        '<rect width="740" height="300" fill="#fff"/>'
        f'<text x="20" y="20">Documents per CPU-second and core</text>{"".join(drawn)}</svg>\n'
    )


def panel(title: str, points: dict[int, int], left: int) -> str:
    """One panel: y from 1,000 to 1,000,000, x over the sizes."""
    low, high = log10(min(points)), log10(max(points))
    at = {
        size: (left + 60 + 240 * (log10(size) - low) / ((high - low) or 1), 250 - 200 * (log10(rate) - 3) / 3)
        for size, rate in points.items()
    }
    parts = [f'<text x="{left + 180}" y="290" text-anchor="middle">{title}</text>']
    for power in range(3, 7):
        y = 250 - 200 * (power - 3) / 3
        parts.append(f'<path d="M{left + 50} {y:.0f}h270" stroke="#ccc"/>')
        parts.append(f'<text x="{left + 45}" y="{y + 4:.0f}" text-anchor="end">{10**power:,}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at.values())
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f5fbf" stroke-width="2"/>')
    for size, (x, y) in at.items():
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1f5fbf"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{points[size]:,}</text>')
        parts.append(f'<text x="{x:.1f}" y="268" text-anchor="middle">{size:,}</text>')
    return "".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--scales", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--alone", action="store_true", help="without the other libraries")
    parser.add_argument("--out", type=Path, default=Path("throughput.json"))
    parser.add_argument("--plot", type=Path, default=Path("throughput.svg"))
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        print(json.dumps(CONTENDERS[arguments.contender](arguments)))
        return
    result = measure(arguments)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.scales:
        arguments.plot.write_text(plot(result))


if __name__ == "__main__":
    main()
