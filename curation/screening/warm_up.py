"""The first call of a compiled function costs seconds: done when the screener starts, before a row waits for it."""

import time

import structlog

from curation.decontamination.registry import Registry

log = structlog.get_logger(__name__)

ITEM = (
    "warm",
    "warm v1",
    "Which of these trains leaves first, and when does it reach the town behind the hill?",
    "It is",
)


def warm() -> float:
    """Compile all of the kernel, or load it from numba's cache; seconds."""
    started = time.perf_counter()
    key = bytes(32)
    registry = Registry.from_bytes(Registry.build([ITEM], key, ["A clean text about nothing in particular."]), key)
    registry.screen([(f"Well: {ITEM[2]} Or not?", "")])
    seconds = time.perf_counter() - started
    log.info("screening.warm", seconds=round(seconds, 2))
    return seconds
