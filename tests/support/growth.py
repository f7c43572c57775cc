"""How work grows with its input: a ratio measured in one process, so it is the same on a fast and a slow machine."""

import gc
import time
from collections.abc import Callable
from typing import Any

LEAST_ROUNDS, ROUNDS = 3, 12
TIMES = 4  # how much longer the second of `parts` is


def grows_linearly(
    small: Callable[[], Any],
    large: Callable[[], Any],
    clock: Callable[[], float] = time.process_time,
    *,
    times: int = TIMES,
) -> bool:
    """Whether `large`, with `times` the input of `small`, takes nearer to `times` its work than to the square of that.

    The border is midway, as ratios go: `times ** 1.5`, so 8 for four times the input (linear is 4, quadratic 16). The
    least of several runs counts, taken in turn after one to warm up: what else the machine does can only add to a run,
    and no single disturbed run of `small` hides a growth. The garbage collector rests meanwhile: its work depends on
    what else the process holds.
    """
    least_small = least_large = float("inf")
    gc.disable()
    try:
        small()
        for done in range(1, ROUNDS + 1):
            least_small = min(least_small, cost(small, clock))
            least_large = min(least_large, cost(large, clock))
            if done >= LEAST_ROUNDS and least_large <= times**1.5 * least_small:
                return True
        return False
    finally:
        gc.enable()


def cost(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Of one run, on average over as many as the clock can tell from nothing."""
    began, runs = clock(), 0
    while (taken := clock() - began) < 0.002 or runs == 0:
        work()
        runs += 1
    return taken / runs


def parts(text: str) -> tuple[str, str]:
    """The first eighth of a text, and the first half: TIMES as long."""
    eighth = len(text) // (2 * TIMES)
    return text[:eighth], text[: eighth * TIMES]
