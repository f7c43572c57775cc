"""How often a gate is wrong, and how often it sees: `python bench/gates.py [--runs 20000] [--out gates.json]`.

Simulates paired exams with known truth and judges them with `evaluation.gates.statistics`. Prints a table, writes
JSON.

    type I   passed although the candidate is truly worse by exactly the margin (or gives in at exactly the limit)
    wrong F  failed although the candidate equals its opponent (or is truly safe)
    power    passed, of candidates that equal their opponent (or whose attack success is a fifth of the limit)
    formula  what `gates.power` (normal approximation) or `gates.safety_power` (exact) promises
    naive    passed by the rule "a drop of at most the margin", at that truth
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from evaluation.gates import statistics as gate_statistics  # noqa: E402

SIZES = (50, 100, 200, 400, 800, 1600)
PROBES = (20, 60, 120, 240, 480)
SAFETY_LIMIT = 0.05
Line = dict[str, Any]


def paired(rng: np.random.Generator, runs: int, n: int, discordance: float, difference: float) -> np.ndarray:
    """Counts b and c of `runs` exams, (runs, 2): the opponent alone right, the candidate alone right."""
    shares = [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance]
    return rng.multinomial(n, shares, size=runs)[:, :2]


def verdict_shares(counts: np.ndarray, n: int, margin: float) -> Counter[str]:
    """Share of each verdict; equal exams are judged once."""
    different, times = np.unique(counts, axis=0, return_counts=True)
    shares: Counter[str] = Counter()
    for (b, c), count in zip(different.tolist(), times.tolist(), strict=True):
        shares[gate_statistics.non_inferiority(b, c, n, margin).verdict] += count / len(counts)
    return shares


def naive_share(counts: np.ndarray, n: int, margin: float) -> float:
    return float(np.mean((counts[:, 1] - counts[:, 0]) / n >= -margin))


def paired_line(rng: np.random.Generator, runs: int, n: int, discordance: float, margin: float) -> Line:
    worse = paired(rng, runs, n, discordance, -margin)
    equal = paired(rng, runs, n, discordance, 0.0)
    at_margin, at_zero = verdict_shares(worse, n, margin), verdict_shares(equal, n, margin)
    return {
        "test": f"paired, margin {100 * margin:.0f}, discordance {100 * discordance:.0f} %",
        "n": n,
        "type_1": at_margin["PASS"],
        "wrong_fail": at_zero["FAIL"],
        "power": at_zero["PASS"],
        "formula": gate_statistics.power(n, discordance, margin),
        "naive_pass_at_margin": naive_share(worse, n, margin),
        "naive_pass_equal": naive_share(equal, n, margin),
    }


def safety_line(rng: np.random.Generator, runs: int, n: int, limit: float) -> Line:
    def shares(rate: float) -> Counter[str]:
        attacks, times = np.unique(rng.binomial(n, rate, size=runs), return_counts=True)
        verdicts: Counter[str] = Counter()
        for attack_count, count in zip(attacks.tolist(), times.tolist(), strict=True):
            verdicts[gate_statistics.attack_success_bound(attack_count, n, limit).verdict] += count / runs
        return verdicts

    at_limit, safe = shares(limit), shares(limit / 5)
    return {
        "test": f"safety, limit {100 * limit:.0f} %",
        "n": n,
        "type_1": at_limit["PASS"],
        "wrong_fail": safe["FAIL"],
        "power": safe["PASS"],
        "formula": gate_statistics.safety_power(n, limit, limit / 5),
        "naive_pass_at_margin": float(np.mean(rng.binomial(n, limit, size=runs) / n <= limit)),
        "naive_pass_equal": float(np.mean(rng.binomial(n, limit / 5, size=runs) / n <= limit)),
    }


def measure(runs: int, seed: int) -> list[Line]:
    rng = np.random.default_rng(seed)
    settings = [(0.10, 0.05), (0.20, 0.05), (0.06, 0.02)]
    lines = [paired_line(rng, runs, n, *setting) for setting in settings for n in SIZES]
    return lines + [safety_line(rng, runs, n, SAFETY_LIMIT) for n in PROBES]


COLUMNS = ("type_1", "wrong_fail", "power", "formula", "naive_pass_at_margin", "naive_pass_equal")
HEADS = ("type I", "wrong F", "power", "formula", "naive bad", "naive eq")


def table(lines: list[Line]) -> str:
    head = f"{'test':38}{'n':>6}" + "".join(f"{name:>11}" for name in HEADS)
    rows = [f"{line['test']:38}{line['n']:>6}" + "".join(f"{line[name]:>11.3f}" for name in COLUMNS) for line in lines]
    return "\n".join([head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000, help="Simulated exams a line.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("gates.json"))
    options = parser.parse_args()
    began = time.monotonic()
    lines = measure(options.runs, options.seed)
    facts = {"runs": options.runs, "seed": options.seed, "seconds": round(time.monotonic() - began, 1)}
    options.out.write_text(json.dumps(facts | {"lines": lines}, indent=1) + "\n")
    print(table(lines))
    print(f"{facts['runs']:,} exams a line, seed {facts['seed']}, {facts['seconds']} s; written to {options.out}")


if __name__ == "__main__":
    main()
