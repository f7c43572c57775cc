"""How work grows with its input: a ratio measured in one process, so it is the same on a fast and a slow machine."""

import gc
import time
from collections.abc import Callable
from typing import Any

MOST = 2.5  # twice the text may take this many times the work: linear is 2, quadratic 4
ROUNDS = 12


def grows_linearly(
    small: Callable[[], Any], large: Callable[[], Any], clock: Callable[[], float] = time.process_time
) -> bool:
    """Whether `large`, twice the input of `small`, takes at most 2.5 times the work.

    The least of several runs counts, taken in turn: what else the machine does can only add to a run. The garbage
    collector rests meanwhile: its work depends on what else the process holds.
    """
    least_small = least_large = float("inf")
    gc.disable()
    try:
        for _ in range(ROUNDS):
            least_small = min(least_small, cost(small, clock))
            least_large = min(least_large, cost(large, clock))
            if least_large <= MOST * least_small:
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
    """The first quarter of a text, and the first half: as long as a test needs to tell two from four."""
    return text[: len(text) // 4], text[: len(text) // 4 * 2]
