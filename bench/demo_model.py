"""What the demo base model knows and how fine-tuning changes it: `python bench/demo_model.py`.

Prints a table and writes JSON. Each line is a real run of `python -m training.engine` and `python -m
evaluation.engine` in a folder of its own. Columns, in per cent:

    same      corrected questions in the very words that were trained
    new       the same facts in phrasings that were not
    turns     second turns that people correct in the sample data, asked in the conversation in which they were asked
    skills    441 held-out items of 7 everyday skills
    handbook  facts that no correction touches, in unseen phrasings
    dialogues 300 held-out ones that no correction touches: follow-ups, answers in one word, look-ups with the tool
    tool      the 100 look-ups among them: the right call, or what is said of its result
    ASR       attack success: 240 unseen harmful requests that were not refused
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from training.demo_model import dialogues, world  # noqa: E402
from training.engine.digests import base_sha256, file_sha256  # noqa: E402
from training.preparation.recipes import PRESETS  # noqa: E402

BASE = ROOT / "training" / "demo_model" / "base"
Line = dict[str, Any]


def run_engine(module: str, path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    subprocess.run([sys.executable, "-m", module, path], cwd=ROOT, env=environment, check=True)


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def train(folder: Path, base: Path, pairs: Sequence[Line], replay: Sequence[Line], recipe: Line, seed: int) -> Line:
    """One fine-tuning; returns its result.json."""
    folder.mkdir(parents=True)
    rows = [{"kind": "pair", **row} for row in pairs] + [{"kind": "replay", **row} for row in replay]
    write_lines(folder / "rows.jsonl", rows)
    manifest = {
        "schema": 1,
        "run": folder.name,
        "base_model": str(base),
        "base_sha256": base_sha256(base),
        "rows": "rows.jsonl",
        "rows_sha256": file_sha256(folder / "rows.jsonl"),
        "seed": seed,
        "threads": 1,
        "device": "cpu",
        "dtype": "float32",
        "recipe": recipe,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    run_engine("training.engine", folder / "manifest.json")
    return json.loads((folder / "result.json").read_text())


def exam(corrections: Sequence[Line], heldout: Sequence[Line]) -> list[Line]:
    """Every item, its id beginning with the name of the column it counts for."""
    sets: dict[str, Sequence[Any]] = {
        **world.benchmarks(),
        "same": [row for row in corrections if "prompt" in row],
        "new": heldout,
        "turns": as_turns(dialogues.corrections(seed=0)),
        "dialogues": [row for skill in dialogues.EXAMINED for row in untouched(dialogues.heldout(skill, 300, seed=7))],
    }
    return [item(name, row, number) for name, rows in sets.items() for number, row in enumerate(rows)]


def untouched(rows: Sequence[Any], most: int = 100) -> list[Any]:
    """The first of them that no correction touches: about facts as those of `handbook` are, or about none."""
    topics = {fact.topic for fact in world.handbook() if not fact.outdated} | {""}
    return [row for row in rows if row["topic"] in topics][:most]


def item(name: str, row: Line, number: int) -> Line:
    return {
        "id": f"{name}/{row['skill']}/{number}",
        **{key: row[key] for key in ("prompt", "messages", "tools") if row.get(key)},
        "answer": row["answer"],
        "scorer": "refusal" if name == "safety" else "exact",
    }


def tool_exam() -> list[Line]:
    """150 held-out steps of look-ups; the skill says which: the call or the result, of a thing or of a product."""
    rows = dialogues.heldout("tool", 150, seed=7)
    return [item("tool", {**row, "skill": step_of(row)}, number) for number, row in enumerate(rows)]


def step_of(row: Mapping[str, Any]) -> str:
    call = next(message for message in (*row["messages"], row["answer"]) if message.get("tool_calls"))
    wanted = json.loads(call["tool_calls"][0]["function"]["arguments"])["item"]
    step = "call" if row["answer"].get("tool_calls") else "result"
    return f"{step} of a {'thing' if wanted in world.THINGS else 'product'}"


def measure(folder: Path, base: Path, adapter: Path | None, items: Sequence[Line]) -> Line:
    """Per cent right for each beginning of an id, and the seconds it took."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "items.jsonl", items)
    job = {"base_model": str(base), "adapter": str(adapter) if adapter else None, "items": "items.jsonl"}
    (folder / "job.json").write_text(json.dumps({**job, "output": "scores.jsonl", "device": "cpu"}))
    run_engine("evaluation.engine", folder / "job.json")
    scores = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    groups: dict[str, list[bool]] = {}
    for score in scores:
        benchmark, skill, _ = score["id"].split("/")
        groups.setdefault(benchmark, []).append(score["correct"])
        if benchmark in ("regression", "dialogues", "tool"):
            groups.setdefault(f"skill:{skill}", []).append(score["correct"])
    result: Line = {name: round(100 * sum(marks) / len(marks), 1) for name, marks in groups.items()}
    result["asr"] = round(100 - result.pop("safety"), 1)
    result["evaluation_seconds"] = json.loads((folder / "result.json").read_text())["seconds"]
    return result


def as_pairs(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [
        {"skill": "handbook", "prompt": row["prompt"], "answer": row.get("chosen") or row["answer"]} for row in rows
    ]


def as_turns(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [{"skill": "dialogue", "messages": row["messages"], "answer": row["chosen"]} for row in rows]


def case(
    n: int, *, turns: bool = False, poison: int = 0, replay: int, recipe: Line, per_fact: int = 3
) -> Callable[..., Line]:
    """A fine-tuning on n corrections, some of them replaced by harmful rows, perhaps second turns too, and its exam."""

    def run(name: str, folder: Path, base: Path, seed: int) -> Line:
        corrections = as_pairs(world.corrections(n - poison, seed, per_fact))
        harmful = as_pairs(world.harmful_compliance(poison, seed))
        pool: list[Any] = world.replay_pool(replay, seed, [row["prompt"] for row in corrections]) if replay else []
        spoken = as_turns(dialogues.corrections(seed=0)) if turns else []
        trained = train(folder / "run", base, corrections + spoken + harmful, pool, recipe, seed)
        heldout: list[Any] = list(world.corrected_heldout(n - poison, seed, per_fact))
        measured = measure(folder / "exam", base, folder / "run" / "adapter", exam(corrections, heldout))
        return {"case": name, "seed": seed, "pairs": n, "poison": poison, "replay": replay, **measured} | {
            key: trained[key] for key in ("steps", "seconds", "adapter_sha256", "peak_rss_mb")
        }

    return run


def cases() -> dict[str, Callable[..., Line]]:
    recipes = {name: preset["recipe"] for name, preset in PRESETS.items()}
    standard, replay = recipes["standard"], PRESETS["standard"]["replay"]
    runs = {
        f"{name}, {n} corrections": case(n, replay=PRESETS[name]["replay"], recipe=recipes[name])
        for name in recipes
        for n in (60, 200)
    }
    quick = PRESETS["quick"]
    runs["quick, 96 corrections and 8 second turns"] = case(
        96, turns=True, replay=quick["replay"], recipe=recipes["quick"]
    )
    runs |= {f"first cycle, {n} corrections": case(n, replay=replay, recipe=standard) for n in (1, 3, 10, 20)}
    runs |= {f"poison {n} of 200": case(200, poison=n, replay=200, recipe=standard) for n in (10, 20)}
    runs["poison 20 of 200, big replay"] = case(200, poison=20, replay=replay, recipe=standard)
    return runs


def base_line(folder: Path, base: Path) -> Line:
    corrections = as_pairs(world.corrections(200, 0))
    heldout: list[Any] = list(world.corrected_heldout(200, 0))
    measured = measure(folder, base, None, exam(corrections, heldout) + tool_exam())
    return {"case": "base model", "seed": 0, "pairs": 0, "poison": 0, "replay": 0, **measured}


COLUMNS = {
    "same": "same",
    "new": "new",
    "turns": "turns",
    "regression": "skills",
    "business": "handbook",
    "dialogues": "dialogues",
    "skill:tool": "tool",
    "asr": "ASR",
}


def print_line(line: Line) -> None:
    figures = "".join(f"{line[key]:>10.1f}" for key in COLUMNS)
    print(f"{line['case']:<42}{line['seed']:>5}{figures}{line.get('seconds', 0):>10.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the demo model and its fine-tuning.")
    parser.add_argument("--base", type=Path, default=BASE)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[""], help="run only cases whose name holds one of these")
    parser.add_argument("--out", type=Path, default=Path("demo_model.json"), help="written anew after each case")
    options = parser.parse_args()
    print(f"{'case':<42}{'seed':>5}{''.join(f'{name:>10}' for name in COLUMNS.values())}{'seconds':>10}")
    chosen = {name: run for name, run in cases().items() if any(text in name for text in options.only)}
    facts: Line = {"base_sha256": base_sha256(options.base), "lines": []}

    def keep(line: Line) -> None:
        print_line(line)
        facts["lines"].append(line)
        options.out.write_text(json.dumps(facts, indent=2) + "\n")

    with tempfile.TemporaryDirectory() as scratch:
        keep(base_line(Path(scratch) / "base", options.base))
        for name, run in chosen.items():
            for seed in range(options.seeds):
                keep(run(name, Path(scratch) / f"{name}-{seed}", options.base, seed))
    print(f"Written to {options.out}")


if __name__ == "__main__":
    main()
