"""Whether the numbers of a row bear out a match of words: two problems of one template differ in their numbers only.

A row that holds much of an item's wording, but few of the numbers of its question, is another problem. Edits, cuts and
rewordings of an item keep its numbers; so do all the ways of dressing it up.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from curation.decontamination.meaning import Fingerprints, terms
from curation.decontamination.snapshot import Array

LEAST = 3  # numbers that a question must have to say anything
SHARE = 0.6  # of them that a row with its wording holds
CHECKED_FROM, PROOF_FROM = 0.15, 0.8  # containment from which numbers count, and from which the wording alone is proof


def build_arrays(questions: Sequence[str], key: bytes) -> dict[str, Array]:
    """The numbers of each question as keyed fingerprints, those of questions with fewer than LEAST left out."""
    fingerprints = Fingerprints(key)
    counts = [numbers_of(question, fingerprints) for question in questions]
    kept = [sorted(count.elements()) if count.total() >= LEAST else [] for count in counts]
    return {
        "figures": np.array([number for hashes in kept for number in hashes], np.uint64),
        "figure_start": np.cumsum([0, *map(len, kept)], dtype=np.int64),
    }


def numbers_of(text: str, fingerprints: Fingerprints) -> Counter[int]:
    return Counter({fingerprints.of(number): count for number, count in terms(text)[1].items()})


class QuestionNumbers:
    """The numbers of protected questions, from the opened arrays of a registry."""

    def __init__(self, arrays: Mapping[str, Array], key: bytes) -> None:
        self._arrays, self._fingerprints = arrays, Fingerprints(key)

    def contradict(self, item: int, row: tuple[str, str], share: float) -> bool:
        """Whether a row (prompt, answer) with a share of an item's wording holds too few of its numbers."""
        if not CHECKED_FROM <= share < PROOF_FROM:
            return False
        start, end = self._arrays["figure_start"][item : item + 2]
        if start == end:
            return False
        theirs = Counter(self._arrays["figures"][start:end].tolist())
        ours = numbers_of("\n".join(row), self._fingerprints)
        return (theirs & ours).total() < SHARE * theirs.total()
