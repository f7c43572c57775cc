"""Rows on their way through the kernel: in batches, as it takes them, and where its matches are in their texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from curation.decontamination import normalise, overlap
from curation.decontamination.overlap import Span
from curation.decontamination.snapshot import Array, derived

Row = tuple[str, str]
"""Prompt and answer."""

ROWS_AT_ONCE, CHARACTERS_AT_ONCE = 4_096, 8_000_000


def kernel_keys(key: bytes) -> Array:
    """Keys of 3-grams, 5-grams and whole texts (128 bits each), the seed of words and the base of runs (odd)."""
    parts = [derived(key, use, 16) for use in (f"gram-{overlap.GRAM}", f"gram-{overlap.LONG_GRAM}", "exact", "words")]
    keys = np.frombuffer(b"".join(parts), "<u8").astype(np.uint64)
    keys[7] |= np.uint64(1)
    return keys


def tables_of(arrays: Mapping[str, Array]) -> Any:
    """The arrays for the kernel: read-only, so that it is compiled once for those just made and those mapped."""
    from curation.decontamination.engine.layout import Tables

    views = [arrays[name].view() for name in Tables._fields]
    for view in views:
        view.flags.writeable = False
    return Tables(*views)


def scan_rows(
    rows: Sequence[Row], keys: Array, tables: Any, since: int = 0, trace: Array | None = None
) -> tuple[Array, Array]:
    """The kernel's results for these rows: (n, INTEGERS) and (n, FLOATS); see `kernel.scan`."""
    from curation.decontamination.engine import hashing, kernel, layout

    data, offsets = hashing.pack(normalise.packed([text for row in rows for text in row]))
    integers = np.empty((len(rows), layout.INTEGERS), np.int64)
    floats = np.empty((len(rows), layout.FLOATS), np.float64)
    trace = np.empty(0, np.int64) if trace is None else trace
    kernel.scan(data, offsets, hashing.FOLD, keys, tables, since, integers, floats, trace)
    return integers, floats


def batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows in order, in batches that bound the memory of one call of the kernel."""
    first = characters = 0
    for i, (prompt, answer) in enumerate(rows):
        characters += len(prompt) + len(answer)
        if i + 1 - first == ROWS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield rows[first : i + 1]
            first, characters = i + 1, 0
    if first < len(rows):
        yield rows[first:]


def spans_of(row: Row, ranges: Iterable[tuple[int, int]]) -> Iterator[Span]:
    """Ranges of word numbers as ranges of characters of the prompt and of the answer."""
    texts = zip(("prompt", "answer"), row, strict=True)
    places = [(part, start, end) for part, text in texts for _, start, end in normalise.words_with_spans(text)]
    for first, last in ranges:
        for part in ("prompt", "answer"):
            inside = [place for place in places[first:last] if place[0] == part]
            if inside:
                yield Span(part, inside[0][1], inside[-1][2])
