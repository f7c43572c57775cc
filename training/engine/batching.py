"""Which rows a step learns from: a pure function of seed and step, so a resumed run needs no memory."""

import math
import random
from dataclasses import dataclass
from functools import lru_cache

from training.engine.manifest import Recipe, TrainingRow

KEPT_ASIDE_SHARE, KEPT_ASIDE_MOST = 0.05, 64


@dataclass(frozen=True)
class Plan:
    """pairs and replay are what is learnt; kept_aside is replay kept aside to measure forgetting."""

    pairs: tuple[int, ...]
    replay: tuple[int, ...]
    kept_aside: tuple[int, ...]
    pairs_per_batch: int
    replay_per_batch: int
    steps: int
    seed: int

    def batch(self, step: int) -> list[int]:
        """Row numbers of a step (from 0): a steady number of pairs, then a steady number of replay rows."""
        return [
            *stream(self.pairs, step * self.pairs_per_batch, self.pairs_per_batch, f"{self.seed}|pairs"),
            *stream(self.replay, step * self.replay_per_batch, self.replay_per_batch, f"{self.seed}|replay"),
        ]

    def epoch(self, step: int) -> float:
        """Passes over the pairs after a step (from 0)."""
        return (step + 1) * self.pairs_per_batch / len(self.pairs)


def stream(pool: tuple[int, ...], start: int, count: int, seed: str) -> list[int]:
    """Items start … start+count of an endless stream of reshuffled passes over the pool."""
    return [shuffled(pool, f"{seed}|{i // len(pool)}")[i % len(pool)] for i in range(start, start + count)]


@lru_cache(maxsize=8)
def shuffled(pool: tuple[int, ...], seed: str) -> tuple[int, ...]:
    order = list(pool)
    random.Random(seed).shuffle(order)
    return tuple(order)


def make_plan(rows: list[TrainingRow], recipe: Recipe, seed: int) -> Plan:
    """Divide the rows and fix the number of steps.

    With fewer pairs than a batch has room for, no pair appears twice in a batch; without replay rows a batch
    is all pairs. Steps: `epochs` passes over the pairs, at least `min_steps`.
    """
    pairs = tuple(i for i, row in enumerate(rows) if row.kind == "pair")
    replay = shuffled(tuple(i for i, row in enumerate(rows) if row.kind == "replay"), f"{seed}|heldout")
    kept = min(KEPT_ASIDE_MOST, int(len(replay) * KEPT_ASIDE_SHARE)) if recipe.eval_every else 0
    share = recipe.replay_share if replay else 0.0
    pairs_per_batch = min(len(pairs), max(1, recipe.batch_size - round(recipe.batch_size * share)))
    per_epoch = math.ceil(len(pairs) / pairs_per_batch)
    return Plan(
        pairs=pairs,
        replay=tuple(sorted(replay[kept:])),
        kept_aside=tuple(sorted(replay[:kept])),
        pairs_per_batch=pairs_per_batch,
        replay_per_batch=recipe.batch_size - pairs_per_batch if share else 0,
        steps=max(recipe.min_steps, recipe.epochs * per_epoch),
        seed=seed,
    )
