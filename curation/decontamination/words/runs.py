"""Runs of words by which a field is found word for word: the whole of it, and where n-grams fail, most of it.

What is found by eight words in a row of most of a field is found here too: of a field with few rare n-grams (a question
of a template, "return self.tk.call(...)") each run is kept that holds SHARE of its 8-grams. A run is looked for where
a text holds its anchor, one 3-gram in it, `before` words after its beginning.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curation.decontamination import normalise, overlap
from curation.decontamination.words.fingerprints import Array, Fields
from curation.decontamination.words.weights import SPAN, SURE_WORDS

SHARE = 0.8  # of a field's runs of SPAN words
LEAST_WORDS = np.array([SPAN, SPAN, SURE_WORDS])  # by kind: of a short item, most is a question that many ask
MOST_WORDS = 200  # of a field that is cut: what is longer has a Jaccard


class Runs(NamedTuple):
    """One line each: whose it is (3 * item + kind), its fingerprint, and how it is found."""

    field: Array
    prints: Array
    anchors: Array
    before: Array
    lengths: Array

    def only(self, chosen: Array) -> "Runs":
        return Runs._make(column[chosen] for column in self)

    def and_also(self, others: "Runs") -> "Runs":
        return Runs._make(np.concatenate(columns) for columns in zip(self, others, strict=True))


def whole(fields: Fields, chosen: Array) -> Runs:
    """The chosen fields (a mask) from their first word to the last."""
    numbers = np.flatnonzero(chosen)
    prints, anchors, lengths = (column.ravel()[numbers] for column in (fields.prints, fields.anchors, fields.lengths))
    return Runs(numbers, prints, anchors, np.zeros(len(numbers), np.int32), lengths)


def cut(texts: Sequence[tuple[str, str]], chosen: Array, keys: Array) -> Runs:
    """Of the chosen fields (a mask by item and kind) of `texts`, what is left when words at the ends are lost."""
    from curation.decontamination.engine import hashing

    items = np.flatnonzero(chosen.any(axis=1))
    data, offsets = hashing.pack(normalise.packed([text for item in items.tolist() for text in texts[item]]))
    found = hashing.cut_runs(data, offsets, hashing.FOLD, keys, chosen[items], SPAN, 1 - SHARE, MOST_WORDS)
    fields, prints, anchors, before, lengths = found
    return Runs(3 * items[fields // 3] + fields % 3, prints, anchors, before, lengths)


def without_templates(runs: Runs, benchmark: Array) -> Runs:
    """Without what as many items of one benchmark hold as make a template. `benchmark`: of each item."""
    if not len(runs.field):
        return runs
    item = runs.field // 3
    held = np.unique(np.stack([benchmark[item].astype(np.uint64), runs.prints, item.astype(np.uint64)]), axis=1)
    groups, times = np.unique(held[:2], axis=1, return_counts=True)
    common = groups[1][times >= overlap.COMMON_IN_REGISTRY]
    return runs.only(~np.isin(runs.prints, common))
