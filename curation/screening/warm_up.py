"""The first call of a compiled function costs seconds, on a new machine half a minute: done before a row waits for it.

`python -m curation.screening.warm_up` does it in a process of its own, beside whatever else a start has to do.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

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
    """Compile all of the kernel, or load it from numba's cache; seconds. While another process compiles it, wait."""
    started = time.perf_counter()
    with one_at_a_time():
        key = bytes(32)
        registry = Registry.from_bytes(Registry.build([ITEM], key, ["A clean text about nothing in particular."]), key)
        registry.screen([(f"Well: {ITEM[2]} Or not?", "")])
    seconds = time.perf_counter() - started
    log.info("screening.warm", seconds=round(seconds, 2))
    return seconds


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Among the processes of one CFT_VAR: compiling the same functions twice at once takes twice as long."""
    folder = Path(os.environ.get("CFT_VAR") or "var")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "kernel.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    warm()
