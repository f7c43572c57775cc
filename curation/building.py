"""From items to the arrays of a registry: which n-grams are kept, what they weigh, whose they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from curation import normalise
from curation import overlap as ov

Array = np.ndarray[Any, Any]
Item = tuple[str, str, str, str]
"""Opaque id, benchmark (name and version), question, answer (may be empty)."""

QUESTION, ANSWER, WHOLE = range(3)
LEAST_WORDS = np.array([8, 20, 20])  # by kind: a shorter field is compared word for word only
SHORTEST_SEQUENCE = 4
MARKERS = 8  # n-grams without weight by which a field of common phrases is found for its Jaccard
AT_ONCE = 20_000  # texts fingerprinted in one go


TELLING = ("anchor_length", "field_mass", "field_rare", "field_words")
"""Arrays to seal: how long each field is picks an item out of a list of texts that it may be, without any key."""


@dataclass(frozen=True)
class Prints:
    """Fingerprints of items, one line each; see `hashing.fingerprint`. A field's number is 3 * item + kind."""

    lengths: Array
    prints: Array
    anchors: Array
    grams: Array
    owners: Array
    masks: Array
    halves: Array
    half_of: Array

    def only(self, chosen: Array) -> "Prints":
        """Of the chosen items (a mask), numbered anew."""
        number = np.cumsum(chosen) - 1
        mine, half = chosen[self.owners], chosen[self.half_of // 3]
        return Prints(
            lengths=self.lengths[chosen],
            prints=self.prints[chosen],
            anchors=self.anchors[chosen],
            grams=self.grams[mine],
            owners=number[self.owners[mine]].astype(np.int32),
            masks=self.masks[mine],
            halves=self.halves[half],
            half_of=(3 * number[self.half_of[half] // 3] + self.half_of[half] % 3).astype(np.int32),
        )

    def by_gram(self) -> "Prints":
        """The n-grams sorted by fingerprint, then by item."""
        order = np.argsort(self.grams, kind="stable")
        return replace(self, grams=self.grams[order], owners=self.owners[order], masks=self.masks[order])


def fingerprints(rows: Iterable[tuple[str, str]], keys: Array) -> Prints:
    """Of (question, answer) pairs, normalised, a batch at a time."""
    rows = iter(rows)
    parts: list[tuple[Array, ...]] = []
    first = 0
    while batch := list(islice(rows, AT_ONCE)):
        parts.append(fingerprint_batch(batch, keys, first))
        first += len(batch)
    if not parts:
        parts.append(fingerprint_batch([], keys, 0))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Prints(*columns)


def fingerprint_batch(batch: Sequence[tuple[str, str]], keys: Array, first: int) -> tuple[Array, ...]:
    from curation.engine import hashing

    data, offsets = hashing.pack(normalise.packed([text for row in batch for text in row]))
    most = len(data) // 2 + 2 * len(batch) + 2
    shape = (len(batch), 3)
    by_field = np.zeros(shape, np.int32), np.zeros(shape, np.uint64), np.zeros(shape, np.uint64)
    lists = np.empty(most, np.uint64), np.empty(most, np.int32), np.empty(most, np.uint8)
    long_lists = np.empty(2 * most, np.uint32), np.empty(2 * most, np.int32)
    count, long_count = hashing.fingerprint(
        data, offsets, hashing.FOLD, keys, int(LEAST_WORDS[ANSWER]), *by_field, *lists, *long_lists
    )
    lists[1][:count] += first
    long_lists[1][:long_count] += 3 * first
    return (*by_field, *(one[:count].copy() for one in lists), *(one[:long_count].copy() for one in long_lists))


@dataclass
class Weights:
    """What the different n-grams of the items weigh: sorted keys, where the entries of each begin, weight by key."""

    keys: Array
    starts: Array
    most: Array  # items of one benchmark that hold it
    weight: Array

    def weigh(self, frequency: Array, documents: int) -> None:
        self.weight = idf(frequency, documents)
        self.weight[self.most >= ov.COMMON_IN_REGISTRY] = 0.0


def idf(frequency: Array, documents: int) -> Array:
    """Weight of an n-gram: log((N + 2) / (df + 1)), and 0 once it is common."""
    weights = np.log((documents + 2) / (frequency + 1))
    weights[frequency >= ov.COMMON_IN_BACKGROUND] = 0.0
    return weights.astype(np.float32)


def counted(prints: Prints, benchmark: Array) -> Weights:
    """The different n-grams, and in how many items of one benchmark version each occurs, at most.

    Counted inside a version, because the next version of a benchmark repeats the items of the last. The n-grams are
    sorted, and the items are in the order of their benchmarks.
    """
    changes = np.flatnonzero(prints.grams[1:] != prints.grams[:-1]) + 1
    starts = np.concatenate([[0], changes, [len(prints.grams)]])[: None if len(prints.grams) else 1]
    keys = prints.grams[starts[:-1]]
    group = benchmark[prints.owners]
    edge = np.flatnonzero((prints.grams[1:] != prints.grams[:-1]) | (group[1:] != group[:-1])) + 1
    runs = np.concatenate([[0], edge])[: len(prints.grams)]
    sizes = np.diff(np.append(runs, len(prints.grams)))
    most = np.maximum.reduceat(sizes, np.searchsorted(runs, starts[:-1])) if len(keys) else np.zeros(0, np.int64)
    return Weights(keys, starts, most, np.zeros(len(keys), np.float32))


class Background:
    """The clean reference: its texts, and which n-grams of the items each holds."""

    def __init__(self, texts: Sequence[str], keys: Array, wanted: Array) -> None:
        prints = fingerprints(((text, "") for text in texts), keys)
        self.used = prints.lengths[:, QUESTION] > 0
        at = np.searchsorted(wanted, prints.grams)
        at[at == len(wanted)] = 0
        known = wanted[at] == prints.grams if len(wanted) else np.zeros(len(at), bool)
        self._document, self._gram, self._wanted = prints.owners[known], at[known], len(wanted)

    def frequency(self) -> Array:
        """In how many used documents each wanted n-gram occurs."""
        return np.bincount(self._gram[self.used[self._document]], minlength=self._wanted)

    @property
    def documents(self) -> int:
        return int(self.used.sum())


def fields_of(prints: Prints, weights: Weights) -> tuple[Array, Array, Array, Array]:
    """By item and kind: kept n-grams, rare ones, what the rare ones weigh, and whether there are enough."""
    each = np.repeat(weights.weight, np.diff(weights.starts))
    shape = prints.lengths.shape
    kept, rare, mass = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape)
    for kind in range(3):
        mine = (prints.masks >> kind) & 1 == 1
        kept[:, kind] = np.bincount(prints.owners[mine], minlength=shape[0])
        mine &= each > 0
        rare[:, kind] = np.bincount(prints.owners[mine], minlength=shape[0])
        mass[:, kind] = np.bincount(prints.owners[mine], weights=each[mine], minlength=shape[0])
    enough = (prints.lengths >= LEAST_WORDS) & (rare >= ov.MIN_GRAMS)
    return kept, rare, np.where(enough, mass, np.inf).astype(np.float32), enough


def assemble(prints: Prints, weights: Weights, everywhere: bool = False) -> dict[str, Array]:
    """The arrays that do not depend on epochs. `everywhere`: look for every field word for word."""
    from curation.engine import kernel

    kept, rare, mass, enough = fields_of(prints, weights)
    long = np.bincount(prints.half_of, minlength=prints.lengths.size)
    big = (long >= ov.MIN_GRAMS).reshape(-1, 3)
    bits = (enough * np.array([1, 2, 4])).sum(axis=1).astype(np.uint8)
    each = np.repeat(weights.weight, np.diff(weights.starts))
    masks = np.where(each > 0, prints.masks & bits[prints.owners], 0).astype(np.uint8)
    for kind in (QUESTION, WHOLE):
        plain = big[:, kind] & ((2 * rare[:, kind] < kept[:, kind]) | ~enough[:, kind])
        masks |= markers(prints, masks, kind, plain)
    arrays = postings(prints, weights, masks, kernel.MOST_POSTINGS)
    arrays["field_mass"] = mass.ravel()
    arrays["field_words"] = prints.lengths.ravel().astype(np.int32)
    arrays["field_rare"] = np.where(enough, rare, MARKERS).ravel().astype(np.int32)
    arrays |= forward(prints, big.ravel(), long)
    wanted = prints.lengths >= (LEAST_WORDS if everywhere else SHORTEST_SEQUENCE)
    return arrays | anchors(prints, wanted if everywhere else wanted & ~enough, kernel.MOST_LENGTHS)


def markers(prints: Prints, masks: Array, kind: int, plain: Array) -> Array:
    """Bits for the first few n-grams of `plain` fields (a mask by item) that carry none yet."""
    free = np.flatnonzero(plain[prints.owners] & ((prints.masks & ~masks) >> kind & 1 == 1))
    order = np.argsort(prints.owners[free], kind="stable")
    added = np.zeros(len(masks), np.uint8)
    added[free[order[ranks(prints.owners[free[order]]) < MARKERS]]] = 1 << kind
    return added


def ranks(groups: Array) -> Array:
    """Position of each element within its run of equal ones."""
    if not len(groups):
        return np.zeros(0, np.int32)
    first = np.concatenate([[0], np.flatnonzero(groups[1:] != groups[:-1]) + 1]).astype(np.int32)
    return np.arange(len(groups), dtype=np.int32) - np.repeat(first, np.diff(np.append(first, len(groups))))


def postings(prints: Prints, weights: Weights, masks: Array, most: int) -> dict[str, Array]:
    """An inverted index: sorted keys with weights, where each one's items begin, and the items with bits of fields."""
    number = np.repeat(np.arange(len(weights.keys), dtype=np.int32), np.diff(weights.starts))
    entries = np.flatnonzero(masks)
    entries = entries[ranks(number[entries]) < most]
    number = number[entries]
    used = np.unique(number)
    starts = np.append(np.searchsorted(number, used), len(number))
    return {
        "gram_keys": weights.keys[used],
        "gram_start": starts.astype(np.uint32),
        "gram_idf": weights.weight[used],
        "gram_post": (prints.owners[entries].astype(np.uint32) << 3) | masks[entries],
    }


def forward(prints: Prints, big: Array, long: Array) -> dict[str, Array]:
    """The long n-grams of each field that has enough of them."""
    sizes = np.where(big, long, 0)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return {"long_start": starts, "long_grams": prints.halves[big[prints.half_of]]}


def anchors(prints: Prints, chosen: Array, most: int) -> dict[str, Array]:
    """The first 3-gram of the chosen fields, with their lengths in words (of many, the most frequent)."""
    pairs, times = np.unique(
        np.stack([prints.anchors[chosen], prints.lengths[chosen].astype(np.uint64)]), axis=1, return_counts=True
    )
    order = np.lexsort((pairs[1], -times, pairs[0]))
    order = order[ranks(pairs[0][order]) < most]
    keys, starts = np.unique(pairs[0][order], return_index=True)
    return {
        "anchor_keys": keys,
        "anchor_start": np.append(starts, len(order)).astype(np.int64),
        "anchor_length": pairs[1][order].astype(np.int32),
    }


def dated(arrays: dict[str, Array], prints: Prints, number: int, previous: "Mapping[str, Array] | None") -> None:
    """Add since when each item is protected: carried over from the arrays of the epoch before where nothing changed.

    An item whose fields weigh something else than before, since the background or its benchmark changed, is new.
    Epochs count from 1, so that "since 0" is always.
    """
    arrays["item_print"] = prints.prints[:, QUESTION] * np.uint64(0x9E3779B97F4A7C15) + prints.prints[:, ANSWER]
    arrays["item_since"] = np.full(len(prints.lengths), max(number, 1), np.int32)
    if previous is None or not len(previous["item_print"]):
        return
    known, first = np.unique(previous["item_print"], return_index=True)
    at = np.minimum(np.searchsorted(known, arrays["item_print"]), len(known) - 1)
    old = first[at]
    masses = arrays["field_mass"].reshape(-1, 3), previous["field_mass"].reshape(-1, 3)[old]
    same = (known[at] == arrays["item_print"]) & (masses[0] == masses[1]).all(axis=1)
    arrays["item_since"][same] = previous["item_since"][old[same]]


def exact(arrays: dict[str, Array], prints: Prints) -> None:
    """Add the fingerprints of whole fields, each with the field that is protected longest."""
    fields = np.flatnonzero(prints.lengths.ravel() > 0)
    hashes = prints.prints.ravel()[fields]
    order = np.lexsort((fields, arrays["item_since"][fields // 3], hashes))
    arrays["exact_keys"], first = np.unique(hashes[order], return_index=True)
    arrays["exact_field"] = fields[order][first].astype(np.int32)


def indexed(arrays: dict[str, Array]) -> dict[str, Array]:
    """Add buckets and bit filters: the kernel finds a fingerprint without a search."""
    from curation.engine import kernel

    for name in ("gram", "exact", "anchor"):
        keys = arrays[f"{name}_keys"]
        buckets = max(1, len(keys) // 2)
        at = ((keys >> np.uint64(32)) * np.uint64(buckets)) >> np.uint64(32)
        counts = np.bincount(at.astype(np.int64), minlength=buckets)
        arrays[f"{name}_bucket"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    for name, tables in (("filter", ("gram_keys", "exact_keys")), ("anchor_filter", ("anchor_keys",))):
        arrays[name] = np.zeros(max(1, sum(len(arrays[table]) for table in tables) // 4), np.uint64)
        for table in tables:
            kernel.make_filter(arrays[table], arrays[name])
    return arrays


def distinct_items(items: Iterable[Item], keys: Array) -> tuple[list[Item], Prints]:
    """Items in the order of their benchmarks; of those of one benchmark with the same words, the last."""
    ordered = sorted(items, key=lambda item: item[1])
    prints = fingerprints(((item[2], item[3]) for item in ordered), keys)
    codes = np.unique([item[1] for item in ordered], return_inverse=True)[1] if ordered else np.zeros(0, np.int64)
    place = np.arange(len(ordered))
    order = np.lexsort((place, prints.prints[:, ANSWER], prints.prints[:, QUESTION], codes))
    same = np.ones(max(0, len(order) - 1), bool)
    for column in (codes, prints.prints[:, QUESTION], prints.prints[:, ANSWER]):
        same &= column[order][1:] == column[order][:-1]
    keep = np.ones(len(ordered), bool)
    keep[order[:-1][same]] = False
    if keep.all():
        return ordered, prints
    return [item for item, kept in zip(ordered, keep, strict=True) if kept], prints.only(keep)
