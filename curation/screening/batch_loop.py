"""Batch after batch, so that others have their turn meanwhile, and one by one where a row makes its batch fail."""

from collections.abc import Callable, Iterable
from itertools import islice

import structlog

MOST_BATCHES = 50  # a task makes room for others after so many; the next sweep goes on
log = structlog.get_logger(__name__)


def until_done(batch: Callable[[], object]) -> bool:
    """Work through batches until one finds nothing to do. False if the turn of others came first: there may be more."""
    return not all(batch() for _ in range(MOST_BATCHES))


def batch_or_each(
    batch: Callable[[], int],
    rows: Iterable[int],
    each: Callable[[int], object],
    *,
    most: int,
    failed: set[int],
    noun: str = "row",
) -> int:
    """One batch; where a row makes it fail, the next `rows` one by one. Returns how many had their turn, at `most`.

    Whoever fails alone is added to `failed`, which `batch` and `rows` must leave out: a row that no check can read must
    not hold up the others. Its text is in no log.
    """
    try:
        return batch()
    except Exception as problem:  # noqa: BLE001
        log.warning("screening.batch_failed", problem=type(problem).__name__)
    turns = 0
    for row in islice(rows, most):
        turns += 1
        try:
            each(row)
        except Exception as problem:  # noqa: BLE001
            log.warning(f"screening.{noun}_failed", problem=type(problem).__name__, **{noun: row})
            failed.add(row)
    return turns
