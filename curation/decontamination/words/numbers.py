"""Whether the numbers of a row bear out a match of words: two problems of one template differ in their numbers only.

Where a row holds an item's wording, the numbers in that part of the row are the item's own, if it was copied: edits,
cuts and rewordings of an item keep its numbers, and so do all the ways of dressing it up. What else the row says, and
what of the item was left out, is not asked: half of an item is half of its numbers.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from curation.decontamination import normalise
from curation.decontamination.snapshot import Array
from curation.decontamination.terms import GROUPED, Fingerprints, numbers_among, numbers_of
from curation.decontamination.words.fingerprints import QUESTION

LEAST = 2  # numbers that the matching part of a row must have to say anything
SHARE = 0.6  # of them that are those of the matching field, where it was copied
MIXED_SHARE = 0.85  # or that are the item's, where question and answer stand mixed
CHECKED_FROM = 0.15  # containment from which numbers count: less is no match
PROOF_FROM = 0.95  # and from which the wording alone is proof

HAS_NUMBER = re.compile(r"\d").search


def build_arrays(items: Sequence[tuple[str, str]], key: bytes) -> dict[str, Array]:
    """The numbers of each item (question, answer), of its question and of the whole: fingerprints, each once."""
    fingerprints = Fingerprints(key)
    kept = [sorted(map(fingerprints.of, numbers_of(text))) for item in items for text in (item[0], "\n".join(item))]
    return {
        "figures": np.array([number for hashes in kept for number in hashes], np.uint64),
        "figure_start": np.cumsum([0, *map(len, kept)], dtype=np.int64),
    }


class ItemNumbers:
    """The numbers of protected items, from the opened arrays of a registry."""

    def __init__(self, arrays: Mapping[str, Array], key: bytes) -> None:
        self._arrays, self._fingerprints = arrays, Fingerprints(key)

    def contradict(self, field: int, matched: str, row: str) -> bool:
        """Whether the part of a row that holds the wording of a field (3 * item + kind) has other numbers than it.

        Then most of the part's numbers are not the field's, and most of the field's are not in the row: what is
        numbered anew, or cites, has both. Of the part only digits count: "one-time" and "half an hour" stay the same in
        every problem of a template. A field without numbers is contradicted by none.
        """
        ours = [self._fingerprints.of(number) for number in digits_of(matched)]
        if len(ours) < LEAST:
            return False
        question, whole = self._of(field // 3)
        theirs = question if field % 3 == QUESTION else whole
        if sum(number in theirs for number in ours) >= SHARE * len(ours):
            return False
        if sum(number in whole for number in ours) >= MIXED_SHARE * len(ours):
            return False
        held = theirs & set(map(self._fingerprints.of, numbers_of(row)))
        return len(held) < SHARE * len(theirs)

    def _of(self, item: int) -> list[set[int]]:
        """The numbers of an item's question and of the whole."""
        starts = self._arrays["figure_start"][2 * item : 2 * item + 3].tolist()
        return [set(self._arrays["figures"][first:last].tolist()) for first, last in pairwise(starts)]


def digits_of(text: str) -> list[str]:
    """The numbers of a text that are written in digits, as `numbers_of` writes them."""
    return list(numbers_among(normalise.words(GROUPED.sub("", text))))
