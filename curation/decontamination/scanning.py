"""Rows on their way through the kernel: in batches, as it takes them, and where its matches are in their texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from curation.decontamination import normalise, overlap
from curation.decontamination.overlap import Span
from curation.decontamination.snapshot import Array, derived

Row = tuple[str, str]
"""Prompt and answer."""

PARTS = ("prompt", "answer")
ROWS_AT_ONCE, CHARACTERS_AT_ONCE = 4_096, 8_000_000
UNREADABLE = "xqzx"  # a word that no text holds


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


def without_items(tables: Any, items: Sequence[int]) -> Any:
    """The tables as if these items were not there: no epoch is before theirs."""
    item_since = tables.item_since.copy()
    item_since[list(items)] = -1
    return with_since(tables, item_since)


def with_only(tables: Any, items: Sequence[int]) -> Any:
    """The tables as if there were no others."""
    item_since = np.full_like(tables.item_since, -1)
    item_since[list(items)] = tables.item_since[list(items)]
    return with_since(tables, item_since)


def with_since(tables: Any, item_since: Array) -> Any:
    item_since.flags.writeable = False
    return tables._replace(item_since=item_since)


def window_of(row: Row, keys: Array, tables: Any, since: int = 0) -> list[int]:
    """The places of the n-grams of a row's best window, in words."""
    from curation.decontamination.engine import layout

    integers, _ = scan_rows([row], keys, tables, since)
    trace = np.empty(int(integers[0, layout.WORDS]), np.int64)
    traced = scan_rows([row], keys, tables, since, trace)[0][0, layout.TRACED]
    return [int(place) for place in trace[: int(traced)]]


def item_places(row: Row, keys: Array, tables: Any, items: range) -> tuple[list[int], list[tuple[int, int]]]:
    """Where a row holds what these items hold, in words: the places of rare n-grams, and ranges of whole fields."""
    from curation.decontamination.engine import hashing, places

    data, offsets = hashing.pack(normalise.packed(row))
    grams, starts, ends = (np.empty(len(data) // 2 + 6, np.int64) for _ in range(3))
    count, runs = places.places(data, offsets, hashing.FOLD, keys, tables, items.start, items.stop, grams, starts, ends)
    return grams[:count].tolist(), list(zip(starts[:runs].tolist(), ends[:runs].tolist(), strict=True))


class Placed:
    """A row with its words, each with its place in the prompt or the answer: looked up once, where they are shown."""

    def __init__(self, row: Row) -> None:
        self.row = row

    @cached_property
    def _words(self) -> list[tuple[str, str, int, int]]:
        texts = zip(PARTS, self.row, strict=True)
        return [(part, *word) for part, text in texts for word in normalise.words_with_spans(text)]

    def spans(self, ranges: Iterable[tuple[int, int]]) -> Iterator[Span]:
        """Ranges of word numbers as ranges of characters of the prompt and of the answer."""
        for first, last in ranges:
            for part in PARTS:
                inside = [(start, end) for own, _, start, end in self._words[first:last] if own == part]
                if inside:
                    yield Span(part, inside[0][0], inside[-1][1])

    def text(self, first: int, last: int) -> str:
        """What stands from one word to another (not included)."""
        return "\n".join(
            self.row[PARTS.index(span.part)][span.start : span.end] for span in self.spans([(first, last)])
        )

    def without(self, ranges: Iterable[tuple[int, int]]) -> Row:
        """The row's words, those of the ranges made unreadable: every other one is the same number as before."""
        words = [word for _, word, _, _ in self._words]
        for first, last in ranges:
            words[first:last] = [UNREADABLE] * len(words[first:last])
        split = sum(part == PARTS[0] for part, *_ in self._words)
        return " ".join(words[:split]), " ".join(words[split:])

    def __len__(self) -> int:
        return len(self._words)
