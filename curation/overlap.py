"""How much of an exam is in a text: keyed n-grams, containment weighted by rarity, Jaccard. Numbers in, numbers out.

- *Containment* of an item's field in a row: the share of the field's rare 3-grams, weighted by how rare they are
  (IDF in a clean background), that stand within one window of the row about as long as the field. Half of the n-grams
  (by a bit of their hash) are never kept, which costs no recall and breaks the chaining that would recover text.
- *Jaccard* of two texts: shared over all different word 5-grams, exact over the kept half. No MinHash is needed, since
  an inverted index of a few thousand items is read exactly in microseconds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]

CONTAINMENT_LIMIT = 0.3
JACCARD_LIMIT = 0.8
GRAM, LONG_GRAM = 3, 5
MIN_GRAMS = 6  # a field with fewer rare n-grams cannot be told from its template
MIN_HITS = 4  # fewer shared n-grams than this are a phrase, not a leak
COMMON_IN_BACKGROUND = 10  # documents: an n-gram in as many says nothing
COMMON_IN_REGISTRY = 5  # items of one benchmark: their template, not their content
WINDOW_SLACK, WINDOW_LEAST = 1.3, 40  # words


class Span(NamedTuple):
    """A range of characters of the row's own text; part is "prompt" or "answer"."""

    part: str
    start: int
    end: int


@dataclass(frozen=True)
class Overlap:
    """What a check found. Without a match there is no item: a clean row learns nothing about the exam."""

    score: float
    limit: float
    method: str
    item_id: str = ""
    benchmark: str = ""
    spans: list[Span] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def blocked(self) -> bool:
        return self.score >= self.limit


class Hasher:
    """Keyed 64-bit fingerprints (BLAKE2b): without the key nobody can compute one, so a stolen registry is mute."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError(f"a registry key has at least 16 bytes, not {len(key)}")
        self._bases = {use: blake2b(key=key[:64], digest_size=8, person=use.encode()) for use in USES}

    def of(self, use: str, words: Sequence[str]) -> int:
        """Fingerprint of a sequence of words, for one use."""
        state = self._bases[use].copy()
        state.update(" ".join(words).encode())
        return int.from_bytes(state.digest(), "little")

    def grams(self, words: Sequence[str], n: int) -> Hashes:
        """Fingerprints of all runs of n words, by position (empty for a shorter text)."""
        base, digests = self._bases[f"gram-{n}"], []
        encoded = [word.encode() for word in words]
        for i in range(len(encoded) - n + 1):
            state = base.copy()
            state.update(b" ".join(encoded[i : i + n]))
            digests.append(state.digest())
        return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


USES = ("check", "exact", "anchor", f"gram-{GRAM}", f"gram-{LONG_GRAM}")


def kept(hashes: Hashes) -> NDArray[np.bool_]:
    """Which n-grams take part at all: half of them."""
    return (hashes & np.uint64(1)) == 0


def document_frequency(documents: Iterable[Sequence[str]], hasher: Hasher, wanted: Hashes) -> Indices:
    """In how many documents each of the sorted fingerprints `wanted` occurs; and see `idf`."""
    counts = np.zeros(len(wanted), np.int64)
    for words in documents:
        found = lookup(wanted, np.unique(hasher.grams(words, GRAM)))
        counts[found[found >= 0]] += 1
    return counts


def idf(frequency: Indices, documents: int) -> NDArray[np.float32]:
    """Weight of an n-gram: log((N + 2) / (df + 1)), and 0 once it is common."""
    weights = np.log((documents + 2) / (frequency + 1))
    weights[frequency >= COMMON_IN_BACKGROUND] = 0.0
    return weights.astype(np.float32)


def lookup(sorted_keys: Hashes, hashes: Hashes) -> Indices:
    """Position of each hash in `sorted_keys`, -1 where it is not there."""
    if not len(sorted_keys):
        return np.full(len(hashes), -1, np.int64)
    at = np.minimum(np.searchsorted(sorted_keys, hashes), len(sorted_keys) - 1)
    return np.where(sorted_keys[at] == hashes, at, -1)


def expand(starts: Indices, rows: Indices) -> tuple[Indices, Indices]:
    """Flat positions starts[r]..starts[r+1] for every r of `rows`, and which of `rows` each belongs to."""
    lengths = starts[rows + 1] - starts[rows]
    owner = np.repeat(np.arange(len(rows)), lengths)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return starts[rows][owner] + offset, owner


class Hit(NamedTuple):
    """The best window of one field: its share, and the word positions of the n-grams found in it."""

    share: float
    positions: list[int]


def best_window(
    positions: Sequence[int], grams: Sequence[int], weights: Sequence[float], mass: float, width: int
) -> Hit:
    """The largest weight of different n-grams within `width` words, over `mass`. Positions ascend. Linear time."""
    inside: Counter[int] = Counter()
    weight = best = 0.0
    first, best_range = 0, (0, 0)
    for last, gram in enumerate(grams):
        if not inside[gram]:
            weight += weights[last]
        inside[gram] += 1
        while positions[last] - positions[first] >= width:
            inside[grams[first]] -= 1
            if not inside[grams[first]]:
                weight -= weights[first]
            first += 1
        if weight > best + 1e-9:
            best, best_range = weight, (first, last + 1)
    chosen = list(positions[slice(*best_range)])
    return Hit(best / mass, chosen if len({*grams[slice(*best_range)]}) >= MIN_HITS else [])


def containments(
    fields: Indices,
    positions: Indices,
    grams: Indices,
    weights: NDArray[np.float32],
    masses: NDArray[np.float32],
    widths: Indices,
) -> Iterator[tuple[int, Hit]]:
    """For every field that could reach the limit: its best window. The arrays list each shared n-gram of each field.

    `masses` and `widths` are by field number. A field whose n-grams over the whole row weigh too little is skipped.
    """
    distinct, index = np.unique(np.stack([fields, grams]), axis=1, return_index=True)
    totals = np.bincount(distinct[0], weights=weights[index]) if len(index) else np.zeros(0)
    hits = np.bincount(distinct[0]) if len(index) else np.zeros(0)
    possible = np.flatnonzero((hits >= MIN_HITS) & (totals >= CONTAINMENT_LIMIT * masses[: len(totals)]))
    order = np.lexsort((positions, fields))
    order = order[np.isin(fields[order], possible)]
    for number, group in groupby(order, key=lambda i: int(fields[i])):
        rows = np.fromiter(group, np.int64)
        yield (
            number,
            best_window(
                positions[rows].tolist(),
                grams[rows].tolist(),
                weights[rows].tolist(),
                float(masses[number]),
                int(widths[number]),
            ),
        )


def jaccard(shared: NDArray[np.int64], one: NDArray[np.int64], other: int) -> NDArray[np.float64]:
    """|A ∩ B| / |A ∪ B| for sets of size `one` (many) against a set of size `other`."""
    union = one + other - shared
    return np.divide(shared, union, out=np.zeros(len(shared)), where=union > 0)


def merged(ranges: Iterable[tuple[int, int]], gap: int = 6) -> list[tuple[int, int]]:
    """Ranges in order, those at most `gap` apart joined (unseen n-grams leave holes)."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
