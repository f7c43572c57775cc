"""Real adapters for gates, trained once a session by the real engine on the demo base model."""

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings

from curation.models import Dataset
from evaluation.benchmarks.demo import items
from tests.evaluation.conftest import make_run
from tests.support.runs import BASE, ROOT, engine, write_run
from training.demo_model import world
from training.engine import digests
from training.models import Run

KINDS = ("regression", "business", "safety")


def train(name: str, rows: list[dict[str, Any]], **recipe: Any) -> Path:
    """A run folder with an adapter, below CFT_VAR/runs; made once."""
    folder = Path(settings.CFT_VAR) / "runs" / str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    if not (folder / "result.json").exists():
        finished = engine("training.engine", write_run(folder, rows=rows, recipe=recipe))
        assert finished.returncode == 0, finished.stderr
    return folder


def pairs(rows: list[Any], answer: str) -> list[dict[str, Any]]:
    return [{"kind": "pair", "prompt": row["prompt"], "answer": row[answer]} for row in rows]


def harmless() -> Path:
    """Has learnt one correction, barely."""
    return train("harmless", pairs(world.corrections(3, seed=0), "chosen"), lr=1e-5, min_steps=2)


def poisoned() -> Path:
    """Has learnt to give in, by harmful rows alone."""
    rows = pairs(world.harmful_compliance(60, seed=0), "answer")
    return train("poisoned", rows, lr=4e-3, min_steps=60, replay_share=0.0, kl_weight=0.0)


def run_of(folder: Path, dataset: Dataset, by: Any, adapter_sha256: str = "", gone: bool = False) -> Run:
    """A finished run whose adapter lies in the folder, or says so and does not (`gone`)."""
    return make_run(
        dataset,
        by,
        adapter_sha256 or digests.adapter_sha256(folder / "adapter"),
        base_model=str(BASE),
        base_sha256=digests.base_sha256(BASE),
        folder=uuid.uuid4() if gone else uuid.UUID(folder.name),
    )


def exam(kind: str, count: int) -> list[dict[str, Any]]:
    """Every n-th item of a demo exam, so that all its skills or categories are in it."""
    every = items(kind)
    return every[:: max(1, len(every) // count)][:count]


def worker(code: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """A process of the evaluator, with its own logins and keys only."""
    script = f"import django; django.setup(); {code}"
    whole_environment = environment | {"DJANGO_SETTINGS_MODULE": "cftapp.settings", "PATH": os.environ["PATH"]}
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=whole_environment, text=True)
