"""The fingerprints of items and texts: by field, and their n-grams in parts of the hash space."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.decontamination import normalise

Array = np.ndarray[Any, Any]

QUESTION, ANSWER, WHOLE = range(3)
SHORTEST_ANSWER = 6  # words; a shorter answer says nothing without its question
TEXTS_AT_ONCE, CHARACTERS_AT_ONCE = 20_000, 16_000_000  # texts fingerprinted in one go
PART_CHARACTERS = 2**24  # characters of items for each part of the hash space

Pieces = list[list[tuple[Array, Array, Array]]]
"""By part of the hash space, by batch: n-grams, whose they are, and the bits of the kinds of field that hold them."""


@dataclass(frozen=True)
class Fields:
    """Of texts, one line each, by kind of field; see `hashing.fingerprint`. A field's number is 3 * text + kind."""

    lengths: Array
    prints: Array
    anchors: Array
    long_counts: Array
    halves: Array

    def only(self, chosen: Array) -> "Fields":
        """Of the chosen texts (a mask)."""
        return Fields(
            lengths=self.lengths[chosen],
            prints=self.prints[chosen],
            anchors=self.anchors[chosen],
            long_counts=self.long_counts[chosen],
            halves=self.halves[np.repeat(chosen, self.long_counts.sum(axis=1))],
        )


def bits_for(texts: Iterable[tuple[str, str]]) -> int:
    """How many top bits of a hash say its part: twice the characters, one bit more."""
    return min(8, (sum(len(question) + len(answer) for question, answer in texts) // PART_CHARACTERS).bit_length())


def batches(rows: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row[0]) + len(row[1])
        if len(batch) == TEXTS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def fingerprints(rows: Iterable[tuple[str, str]], keys: Array, bits: int) -> tuple[Fields, Pieces]:
    """Of (question, answer) pairs, normalised, a batch at a time."""
    fields: list[tuple[Array, ...]] = []
    pieces: Pieces = [[] for _ in range(2**bits)]
    first = 0
    for batch in batches(rows):
        columns, grams, owners, masks = fingerprint_batch(batch, keys)
        fields.append(columns)
        split_by_part(grams, owners + np.int32(first), masks, bits, pieces)
        first += len(batch)
    fields = fields or [fingerprint_batch([], keys)[0]]
    return Fields(*(concatenated(fields, number) for number in range(5))), pieces


def concatenated(pieces: Sequence[tuple[Array, ...]], column: int) -> Array:
    """One column of all pieces."""
    return np.concatenate([piece[column] for piece in pieces])


def fingerprint_batch(batch: Sequence[tuple[str, str]], keys: Array) -> tuple[tuple[Array, ...], Array, Array, Array]:
    """The columns of `Fields`, then n-grams, whose they are and their bits."""
    from curation.decontamination.engine import hashing

    data, offsets = hashing.pack(normalise.packed([text for row in batch for text in row]))
    most = len(data) // 2 + 2 * len(batch) + 2
    shape = (len(batch), 3)
    by_field = np.zeros(shape, np.int32), np.zeros(shape, np.uint64), np.zeros(shape, np.uint64)
    long_counts, halves = np.zeros(shape, np.int32), np.empty(2 * most, np.uint32)
    lists = np.empty(most, np.uint64), np.empty(most, np.int32), np.empty(most, np.uint8)
    count, long_count = hashing.fingerprint(
        data, offsets, hashing.FOLD, keys, SHORTEST_ANSWER, *by_field, long_counts, *lists, halves
    )
    grams, owners, masks = (column[:count] for column in lists)
    return (*by_field, long_counts, halves[:long_count].copy()), grams, owners, masks


def split_by_part(grams: Array, owners: Array, masks: Array, bits: int, pieces: Pieces) -> None:
    """Append the n-grams to the pieces of their parts, in the order they are in."""
    part = (grams >> np.uint64(64 - bits)).astype(np.uint8) if bits else np.zeros(len(grams), np.uint8)
    order = np.argsort(part, kind="stable")
    edges = np.searchsorted(part[order], np.arange(2**bits + 1))
    for number, chosen in enumerate(order[first:last] for first, last in zip(edges, edges[1:], strict=False)):
        pieces[number].append((grams[chosen], owners[chosen], masks[chosen]))


def pop_columns(pieces: Pieces, number: int) -> list[Array]:
    """The three columns of a part, each in one array; its pieces are dropped."""
    batches, pieces[number] = pieces[number], []
    return [
        concatenated(batches, column) if batches else np.zeros(0, kind)
        for column, kind in enumerate(("u8", "i4", "u1"))
    ]
