"""The demo world's own exam: every item is found in every dress, and no honest row is."""

import random

import pytest

from curation.decontamination.registry import Registry
from tests.curation.conftest import KEY
from training.demo_model import world

FOLD = str.maketrans({"a": "а", "e": "е", "o": "о", "c": "с", "p": "р"})


@pytest.fixture(scope="module")
def items():
    return [
        (f"{kind}-{n}", f"{kind} v1", row["prompt"], row["answer"])
        for kind, rows in world.benchmarks().items()
        for n, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def registry(items):
    background = [f"{row['prompt']}\n{row['answer']}" for row in world.corpus(5_000, seed=5)]
    return Registry.from_bytes(Registry.build(items, KEY, background), KEY)


def test_no_correction_is_taken_for_an_item(registry):
    rows = world.corrections(256, seed=1, per_fact=4)
    assert [row["prompt"] for row in rows if registry.check(row["prompt"], row["chosen"]).blocked] == []


def test_no_replay_row_is_taken_for_an_item(registry):
    rows = world.replay_pool(2_000, seed=2)
    assert [row["prompt"] for row in rows if registry.check(row["prompt"], row["answer"]).blocked] == []


def zero_width(text, rng):
    return "".join(letter + ("\u200b" if rng.random() < 0.3 else "") for letter in text)


@pytest.mark.parametrize(
    "dress",
    [
        lambda text, rng: text,
        lambda text, rng: text.upper(),
        lambda text, rng: text.translate(FOLD),
        zero_width,
        lambda text, rng: "".join(chr(ord(c) + 0xFEE0) if 33 <= ord(c) < 127 else c for c in text),
    ],
    ids=["plain", "upper case", "homoglyphs", "zero width", "full width"],
)
def test_an_item_posted_as_a_correction_is_found(registry, items, dress):
    rng = random.Random(3)
    missed = [q for _, _, q, a in items if not registry.check(dress(q, rng), a).blocked]
    assert missed == []


def test_an_item_inside_a_longer_text_is_found(registry, items):
    rng = random.Random(4)
    filler = [f"{row['prompt']} {row['answer']}" for row in world.replay_pool(200, seed=9)]
    missed = [
        q for _, _, q, a in items if not registry.check(f"{rng.choice(filler)} {q} {rng.choice(filler)}", a).blocked
    ]
    assert len(missed) <= 0.01 * len(items), missed
