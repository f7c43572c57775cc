"""Run folders for engine tests: a small dataset on the committed demo base model, and the real commands."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.demo_model import world
from training.engine.digests import base_sha256, file_sha256

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "training" / "demo_model" / "base"
SMALL = {"epochs": 1, "min_steps": 6, "batch_size": 4, "rank": 2, "checkpoint_every": 2, "eval_every": 3}
Row = dict[str, Any]


def environment() -> dict[str, str]:
    settings = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **settings}


def engine(module: str, path: Path) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE PATH`, as the workers call it."""
    command = [sys.executable, "-m", module, str(path)]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120)


def refusal(finished: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The error that an engine printed: the last line of its stderr."""
    error: dict[str, str] = json.loads(finished.stderr.strip().splitlines()[-1])["error"]
    return error


def lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def small_rows(pairs: int = 6, replay: int = 30) -> list[Row]:
    corrected = world.corrections(pairs, seed=0)
    pool = world.replay_pool(replay, 0, [row["prompt"] for row in corrected])
    return [
        *({"kind": "pair", "prompt": row["prompt"], "answer": row["chosen"]} for row in corrected),
        *({"kind": "replay", "prompt": row["prompt"], "answer": row["answer"]} for row in pool),
    ]


def write_run(
    folder: Path,
    *,
    base: Path = BASE,
    rows: Sequence[Mapping[str, Any]] | None = None,
    recipe: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """A run folder; returns the path of its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row) + "\n" for row in (rows or small_rows()))
    (folder / "rows.jsonl").write_text(content)
    manifest: dict[str, Any] = {
        "schema": 1,
        "run": "test",
        "base_model": str(base),
        "base_sha256": base_sha256(base) if (base / "config.json").exists() else None,
        "rows": "rows.jsonl",
        "rows_sha256": file_sha256(folder / "rows.jsonl"),
        "seed": 0,
        "threads": 1,
        "device": "cpu",
        "dtype": "float32",
        "recipe": {**SMALL, **(recipe or {})},
        **changes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder / "manifest.json"
