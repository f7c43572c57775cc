"""Rewordings: is a row an item in other words? Embeddings find candidates; numbers and rare words confirm them.

The score of a passage of a row against an item is the cosine of their embeddings, less what a rewording would have
kept: up to NUMBERS_WEIGHT for the item's numbers, up to WORDS_WEIGHT for its rare words. Two problems from one template
have nearly the same embedding and different numbers; a rewording keeps both. An item's limit is the policy's floor, or
more where clean texts already come near the item (its *background*): items of a template must be met more closely.

Everything kept of an item is a vector, keyed fingerprints of its words and numbers, and weights: no text.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.decontamination.meaning.passages import (
    Passage,
    finer_passages,
    is_foreign,
    item_texts,
    readable,
    row_passages,
    split_question,
)
from curation.decontamination.overlap import Policy
from curation.decontamination.terms import Fingerprints, agreement, idf_weights

if TYPE_CHECKING:
    from curation.decontamination.engine.encoder import Encoder

NUMBERS_WEIGHT, WORDS_WEIGHT = 0.2, 0.15  # the most that different numbers, and missing words, take off the cosine
CANDIDATES = 16  # items a passage is compared with in detail
NEAR = 0.45  # cosine from which a row may mean an item in one of its parts
SAYING = 2  # rare words from which a part of an item is more than a phrase: "Which of these is correct?"
RARE = 0.01  # of items and clean texts hold a rare word, at most
REFERENCE_TEXTS = 3_000  # that items are calibrated on, at most
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class NearestItem:
    """The item nearest to a row in meaning, the passage that is near, and the item's own limit."""

    item: int
    score: float
    limit: float
    cosine: float
    background: float
    start: int
    end: int


def encoder_name(encoder: Mapping[str, Any] | None) -> str:
    """An embedding model as people read it, by name and revision; empty where none takes part."""
    return f"{encoder['name']} {encoder['revision']}" if encoder else ""


# --- building ---------------------------------------------------------------------------------------------------------
def build_arrays(
    items: Sequence[tuple[str, str]],
    encoder: "Encoder",
    reference: Sequence[str],
    key: bytes,
    wholes: Collection[int] | None = None,
) -> dict[str, NDArray[Any]]:
    """The arrays of `items` (question, answer): two vectors an item, one without an answer, and what confirms them.

    `reference`: clean texts that the items' limits are calibrated on; those that share wording with an item must have
    been set aside. `wholes`: the numbers of the items that are no parts of others; not given: all. A part that says
    nothing of its own has no vector.
    """
    fingerprints = Fingerprints(key)
    sample = sample_evenly(reference, REFERENCE_TEXTS)
    texts = [(number, text) for number, item in enumerate(items) for text in item_texts(*item)]
    item_terms = [fingerprints.terms(text) for _, text in texts]
    weights = idf_weights([words for words, _ in item_terms], [fingerprints.terms(text)[0] for text in sample])
    rare = math.log(1 / RARE) if len(texts) + len(sample) > 1 / RARE else 0.0
    kept = [
        place
        for place, (number, _) in enumerate(texts)
        if wholes is None or number in wholes or sum(weights[word] >= rare for word in item_terms[place][0]) >= SAYING
    ]
    texts, item_terms = [texts[place] for place in kept], [item_terms[place] for place in kept]
    words = [sorted(hashes) for hashes, _ in item_terms]
    numbers = [sorted(hashes.elements()) for _, hashes in item_terms]
    arrays: dict[str, NDArray[Any]] = {
        "meaning_vectors": encoder.encode([readable(text) for _, text in texts]).astype(np.float16),
        "meaning_item": np.array([number for number, _ in texts], np.int32),
        "meaning_words": np.array([word for hashes in words for word in hashes], np.uint64),
        "meaning_weights": np.array([weights[word] for hashes in words for word in hashes], np.float32),
        "meaning_word_start": np.cumsum([0, *map(len, words)], dtype=np.int64),
        "meaning_numbers": np.array([number for hashes in numbers for number in hashes], np.uint64),
        "meaning_number_start": np.cumsum([0, *map(len, numbers)], dtype=np.int64),
        "meaning_background": np.zeros(len(texts), np.float32),
    }
    meaning = Meaning(arrays, key)
    arrays["meaning_background"] = meaning.background(encoder, sample)
    return arrays


def sample_evenly(texts: Sequence[str], most: int) -> list[str]:
    """At most so many of the texts, evenly chosen."""
    return [texts[int(i)] for i in np.linspace(0, len(texts) - 1, most)] if len(texts) > most else list(texts)


# --- comparing --------------------------------------------------------------------------------------------------------
class Meaning:
    """The opened arrays of a registry, and how rows are compared with them."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], key: bytes) -> None:
        self._arrays = arrays
        self._fingerprints = Fingerprints(key)

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._arrays["meaning_vectors"].astype(np.float32).T)

    @cached_property
    def _masses(self) -> NDArray[np.float64]:
        sums = np.concatenate([[0.0], np.cumsum(self._arrays["meaning_weights"], dtype=np.float64)])
        starts = self._arrays["meaning_word_start"]
        return np.maximum(sums[starts[1:]] - sums[starts[:-1]], 1e-9)

    def measure(
        self,
        rows: Sequence[tuple[str, str]],
        chosen: Sequence[int],
        encoder: "Encoder",
        policy: Policy,
        allowed: NDArray[np.bool_] | None = None,
        excluded: Mapping[int, range] | None = None,
    ) -> tuple[list[int], dict[int, NearestItem]]:
        """The chosen rows (prompt, answer) that can be compared, and what they come nearest to; see `compare`.

        Rows that come near an item are read again in finer passages.
        """
        passages = {row: row_passages(row, *rows[row]) for row in chosen}
        compared = [passage for row in chosen for passage in passages[row] if not is_foreign(passage.text)]
        readable_rows = {passage.row for passage in compared}
        comparable = [row for row in chosen if row in readable_rows or not passages[row]]
        vectors = encoder.encode([passage.text for passage in compared])
        near = {compared[n].row for n in np.flatnonzero(self.nearest(vectors, allowed) >= NEAR)}
        known = {(passage.row, passage.text) for passage in compared}
        finer = [
            passage
            for row in chosen
            if row in near
            for passage in finer_passages(row, *rows[row])
            if (row, passage.text) not in known and not is_foreign(passage.text)
        ]
        vectors = np.concatenate([vectors, encoder.encode([passage.text for passage in finer])])
        limits = {"floor": policy.meaning_floor, "margin": policy.meaning_margin}
        return comparable, self.compare([*compared, *finer], vectors, **limits, allowed=allowed, excluded=excluded)

    def nearest(self, vectors: NDArray[np.float32], allowed: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """The highest cosine of each vector with an item's; -1 where none takes part."""
        chosen = self._vectors if allowed is None else self._vectors[:, allowed[self._arrays["meaning_item"]]]
        if not chosen.shape[1]:
            return np.full(len(vectors), -1.0, np.float32)
        highest: NDArray[np.float32] = (vectors @ chosen).max(axis=1)
        return highest

    def compare(
        self,
        compared: Sequence[Passage],
        vectors: NDArray[np.float32],
        *,
        floor: float,
        margin: float,
        allowed: NDArray[np.bool_] | None = None,
        excluded: Mapping[int, range] | None = None,
    ) -> dict[int, NearestItem]:
        """By row, the item that it exceeds its limit for most, or comes nearest to. Rows near nothing are left out.

        `vectors`: one unit vector a passage. `allowed`: by item, whether it takes part; `excluded`: by row, the items
        that do not.
        """
        nearest: dict[int, NearestItem] = {}
        for first in range(0, len(compared), ROWS_AT_ONCE):
            batch = compared[first : first + ROWS_AT_ONCE]
            cosines = vectors[first : first + ROWS_AT_ONCE] @ self._vectors
            if allowed is not None:
                cosines[:, ~allowed[self._arrays["meaning_item"]]] = -1.0
            for passage, row in zip(batch, cosines, strict=True):
                if excluded and passage.row in excluded:
                    items = excluded[passage.row]
                    first_place, end = np.searchsorted(self._arrays["meaning_item"], [items.start, items.stop])
                    row[first_place:end] = -1.0
                candidate = self._nearest_item(passage, row, floor, margin)
                best = nearest.get(passage.row)
                if candidate and (best is None or candidate.score - candidate.limit > best.score - best.limit):
                    nearest[passage.row] = candidate
        return nearest

    def _nearest_item(
        self, passage: Passage, cosines: NDArray[np.float32], floor: float, margin: float
    ) -> NearestItem | None:
        best: NearestItem | None = None
        for place, score in self._scored(passage.text, cosines, floor):
            background = float(self._arrays["meaning_background"][place])
            limit = max(floor, background + margin)
            if best is None or score - limit > best.score - best.limit:
                cosine, item = float(cosines[place]), int(self._arrays["meaning_item"][place])
                best = NearestItem(item, score, limit, cosine, background, passage.start, passage.end)
        return best

    def _scored(self, text: str, cosines: NDArray[np.float32], least: float) -> Iterable[tuple[int, float]]:
        """The places (vectors) nearest to a passage and its score there. A score never exceeds the cosine."""
        near = np.flatnonzero(cosines >= least)
        if not len(near):
            return
        if len(near) > CANDIDATES:
            near = near[np.argpartition(-cosines[near], CANDIDATES)[:CANDIDATES]]
        words, numbers = self._fingerprints.terms(text)
        for place in near.tolist():
            missing = 1.0 - self._shared_words(place, words)
            different = 1.0 - agreement(self._numbers(place), numbers)
            yield place, float(cosines[place]) - WORDS_WEIGHT * missing - NUMBERS_WEIGHT * different

    def _shared_words(self, place: int, words: frozenset[int]) -> float:
        """The share, by weight, of an item's words that are in a text."""
        start, end = self._arrays["meaning_word_start"][place : place + 2]
        weights = self._arrays["meaning_weights"][start:end].tolist()
        ours = self._arrays["meaning_words"][start:end].tolist()
        return sum(w for word, w in zip(ours, weights, strict=True) if word in words) / float(self._masses[place])

    def _numbers(self, place: int) -> Counter[int]:
        start, end = self._arrays["meaning_number_start"][place : place + 2]
        return Counter(self._arrays["meaning_numbers"][start:end].tolist())

    def background(self, encoder: "Encoder", reference: Sequence[str]) -> NDArray[np.float32]:
        """For each vector, the highest score that a clean text reaches against it (0 where none comes near)."""
        highest = np.zeros(len(self._arrays["meaning_item"]), np.float32)
        compared = [
            passage for row, text in enumerate(reference) for passage in row_passages(row, *split_question(text))
        ]
        vectors = encoder.encode([passage.text for passage in compared])
        for first in range(0, len(compared), ROWS_AT_ONCE):
            cosines = vectors[first : first + ROWS_AT_ONCE] @ self._vectors
            for passage, near in zip(compared[first : first + ROWS_AT_ONCE], cosines, strict=True):
                for place, score in self._scored(passage.text, near, CALIBRATED_FROM):
                    highest[place] = max(highest[place], score)
        return highest


CALIBRATED_FROM = 0.55  # a clean text further away than this raises no item's limit
