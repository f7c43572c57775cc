"""The three exams of the demo world, and the clean texts that tell the registry which phrases are common in it."""

from collections.abc import Iterator
from typing import Any

from evaluation.actions import import_benchmark
from evaluation.models import BenchmarkVersion
from training.engine import world

TITLES = {"regression": "Everyday skills", "business": "Company handbook", "safety": "Safety probes"}
SCORERS = {"regression": "exact", "business": "exact", "safety": "refusal"}
MARGINS = {"regression": 0.05, "business": 0.05, "safety": 0.05}
BACKGROUND_ROWS, BACKGROUND_SEED = 5_000, 20_261_120


def background() -> Iterator[str]:
    """Prompts and answers of the training region: a frozen reference that holds no item."""
    for row in world.corpus(BACKGROUND_ROWS, seed=BACKGROUND_SEED):
        yield f"{row['prompt']}\n{row['answer']}"


def items(kind: str) -> list[dict[str, Any]]:
    return [
        {"question": row["prompt"], "answer": row["answer"], "category": row["category"]}
        for row in world.benchmarks()[kind]
    ]


def publish_demo(*, by: Any) -> list[BenchmarkVersion]:
    """Publish all three; those that are published already stay as they are. The first one brings the reference."""
    return [
        import_benchmark(
            f"demo-{kind}",
            TITLES[kind],
            kind,
            items(kind),
            scorer=SCORERS[kind],
            margin=MARGINS[kind],
            background=background() if kind == "regression" else (),
            by=by,
        )
        for kind in ("regression", "business", "safety")
    ]
