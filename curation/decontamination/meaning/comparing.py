"""Rewordings: is a row an item in other words? Embeddings find candidates; numbers and rare words confirm them.

`scoring` says how near a passage of a row comes to an item. Two problems from one template have nearly the same
embedding and different numbers; a rewording keeps both. An item's limit is the policy's floor, or more where clean
texts already come near the item (its *background*): items of a template must be met more closely.

What is kept of an item is vectors of its texts and of its parts', keyed fingerprints of words and numbers, and weights;
and some vectors of clean texts. No text.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.decontamination.meaning import scoring
from curation.decontamination.meaning.passages import (
    Passage,
    finer_passages,
    is_foreign,
    item_texts,
    readable,
    row_passages,
    split_question,
    text_to_embed,
)
from curation.decontamination.meaning.scoring import Evidence
from curation.decontamination.overlap import Policy
from curation.decontamination.terms import Fingerprints, idf_weights
from curation.decontamination.words.building import Item

if TYPE_CHECKING:
    from curation.decontamination.engine.encoder import Encoder

CANDIDATES = 16  # vectors a passage is compared with in detail
CONSIDERED = 0.5  # cosine from which one is
NEIGHBOURS = 48  # vectors among which the crowd is looked for: an item has several
CLEAN_TEXTS = 512  # whose vectors are kept, to make crowds
SAME = 0.995  # cosine of a clean text with itself
NEAR = 0.45  # cosine from which a row may mean an item in one of its parts
SAYING = 2  # rare words from which a part of an item is more than a phrase: "Which of these is correct?"
RARE = 0.01  # of items and clean texts hold a rare word, at most
REFERENCE_TEXTS = 3_000  # that items are calibrated on, at most
ROWS_AT_ONCE, MOST_COSINES = 256, 2**27  # passages compared in one go, and numbers that this may take


@dataclass(frozen=True)
class NearestItem:
    """An item that a passage of a row comes near in meaning, and the item's own limit.

    `is_template`: it has other numbers, so it is no rewording, but a problem of the same template.
    """

    item: int
    score: float
    limit: float
    cosine: float
    background: float
    start: int
    end: int
    is_template: bool = False


@dataclass(frozen=True)
class Nearness:
    """What a row comes nearest to in meaning, and the item that it has in other words with other numbers.

    `blocked`: every item whose limit it reaches, once.
    """

    nearest: NearestItem | None = None
    template: NearestItem | None = None
    blocked: tuple[NearestItem, ...] = ()

    @property
    def sibling(self) -> NearestItem | None:
        """The item of whose template a row is, unless the row means the very item elsewhere."""
        means_it = self.template and self.template.item in {each.item for each in self.blocked}
        return None if means_it else self.template

    def with_item(self, other: NearestItem) -> "Nearness":
        """The better of each, by how far it is above its limit; a template only where a rewording would be blocked."""
        reached = other.score >= other.limit
        if other.is_template:
            return replace(self, template=better(self.template, other)) if reached else self
        known = next((each for each in self.blocked if each.item == other.item), None)
        others = tuple(each for each in self.blocked if each is not known)
        blocked = (*others, better(known, other)) if reached else self.blocked
        return replace(self, nearest=better(self.nearest, other), blocked=blocked)


def better(best: NearestItem | None, other: NearestItem) -> NearestItem:
    """By how far it is above its limit; of two as far, the one with the higher cosine."""
    if best is None or (other.score - other.limit, other.cosine) > (best.score - best.limit, best.cosine):
        return other
    return best


def encoder_name(encoder: Mapping[str, Any] | None) -> str:
    """An embedding model as people read it, by name and revision; empty where none takes part."""
    return f"{encoder['name']} {encoder['revision']}" if encoder else ""


# --- building ---------------------------------------------------------------------------------------------------------
def build_arrays(
    items: Sequence[Item],
    encoder: "Encoder",
    reference: Sequence[str],
    key: bytes,
    wholes: Collection[int] | None = None,
) -> dict[str, NDArray[Any]]:
    """The arrays of `items`: two vectors an item, one without an answer, and what confirms them.

    `reference`: clean texts that the items' limits are calibrated on; those that share wording with an item must have
    been set aside. `wholes`: the numbers of the items that are no parts of others; not given: all. A part that says
    nothing of its own has no vector.
    """
    fingerprints = Fingerprints(key)
    sample = sample_evenly(reference, REFERENCE_TEXTS)
    texts = [(number, text) for number, item in enumerate(items) for text in item_texts(*item[2:])]
    found = [fingerprints.terms(text) for _, text in texts]
    clean_words = [fingerprints.terms(text)[0] for text in sample]
    weights = idf_weights([words for words, _ in found], clean_words)
    owners = {item[0]: number for number, item in enumerate(items)}
    owned = [owners[items[number][0]] for number, _ in texts]
    rare = rare_words([*zip(owned, (words for words, _ in found), strict=True)], clean_words)
    kept = [
        place
        for place, (number, _) in enumerate(texts)
        if wholes is None or number in wholes or len(found[place][0] & rare) >= SAYING
    ]
    texts = [texts[place] for place in kept]
    words = [sorted(found[place][0]) for place in kept]
    numbers = [sorted(found[place][1].elements()) for place in kept]
    arrays: dict[str, NDArray[Any]] = {
        "meaning_vectors": encoder.encode([readable(text) for _, text in texts]).astype(np.float16),
        "meaning_item": np.array([number for number, _ in texts], np.int32),
        "meaning_owner": np.array([owned[place] for place in kept], np.int32),
        "meaning_words": np.array([word for hashes in words for word in hashes], np.uint64),
        "meaning_weights": np.array([weights[word] for hashes in words for word in hashes], np.float32),
        "meaning_word_start": np.cumsum([0, *map(len, words)], dtype=np.int64),
        "meaning_numbers": np.array([number for hashes in numbers for number in hashes], np.uint64),
        "meaning_number_start": np.cumsum([0, *map(len, numbers)], dtype=np.int64),
        "meaning_clean": encoder.encode([text_to_embed(text, "") for text in crowd_texts(reference)]).astype(
            np.float16
        ),
        "meaning_background": np.zeros(len(texts), np.float32),
    }
    arrays["meaning_background"] = Meaning(arrays, key).background(encoder, sample)
    return arrays


def rare_words(items: Sequence[tuple[int, frozenset[int]]], clean: Sequence[frozenset[int]]) -> set[int]:
    """The words that few items and clean texts hold. `items`: whose a text is, and its words."""
    by_item: dict[int, set[int]] = {}
    for number, words in items:
        by_item.setdefault(number, set()).update(words)
    held = Counter(word for words in (*by_item.values(), *clean) for word in words)
    most = max(1, int(RARE * (len(by_item) + len(clean))))
    return {word for word, times in held.items() if times <= most}


def crowd_texts(reference: Sequence[str]) -> list[str]:
    """Some of the clean texts as they are embedded: by hash, so nearly the same ones when the reference grows."""
    return [text_to_embed(text, "") for text in sorted(set(reference), key=key_of)[:CLEAN_TEXTS]]


def key_of(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


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
        """Of items and their parts, a column each."""
        return np.ascontiguousarray(self._arrays["meaning_vectors"].astype(np.float32).T)

    @cached_property
    def _clean(self) -> NDArray[np.float32]:
        """Of clean texts, a column each."""
        return np.ascontiguousarray(self._arrays["meaning_clean"].astype(np.float32).reshape(-1, len(self._vectors)).T)

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
    ) -> tuple[list[int], dict[int, Nearness]]:
        """The chosen rows (prompt, answer) that can be compared, and what they come nearest to; see `compare`.

        Rows that come near an item are read again in finer passages.
        """
        passages = {row: row_passages(row, *rows[row]) for row in chosen}
        compared = [passage for row in chosen for passage in passages[row] if not is_foreign(passage.text)]
        readable_rows = {passage.row for passage in compared}
        comparable = [row for row in chosen if row in readable_rows or not passages[row]]
        vectors = encoder.encode([passage.text for passage in compared])
        near = {compared[n].row for n in np.flatnonzero(self.nearest(vectors) >= NEAR)}  # of all items: as a full scan
        known = {(passage.row, passage.text) for passage in compared}
        finer = [
            passage
            for row in chosen
            if row in near
            for passage in finer_passages(row, *rows[row])
            if (row, passage.text) not in known and not is_foreign(passage.text)
        ]
        vectors = np.concatenate([vectors, encoder.encode([passage.text for passage in finer])])
        return comparable, self.compare([*compared, *finer], vectors, policy, allowed, excluded)

    def nearest(self, vectors: NDArray[np.float32], allowed: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """The highest cosine of each vector with an item's; -1 where none takes part."""
        highest = np.full(len(vectors), -1.0, np.float32)
        places = None if allowed is None else np.flatnonzero(allowed[self._arrays["meaning_item"]])
        if not self._vectors.shape[1] or (places is not None and not len(places)):
            return highest
        for first in range(0, len(vectors), self._at_once):
            cosines = vectors[first : first + self._at_once] @ self._vectors
            highest[first : first + self._at_once] = (cosines if places is None else cosines[:, places]).max(axis=1)
        return highest

    @cached_property
    def _at_once(self) -> int:
        """Passages whose cosines with all items fit into memory."""
        return max(1, min(ROWS_AT_ONCE, MOST_COSINES // max(1, self._vectors.shape[1])))

    def cosines(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of each vector with those of the items, and with those of clean texts."""
        return vectors @ self._vectors, vectors @ self._clean

    def compare(
        self,
        compared: Sequence[Passage],
        vectors: NDArray[np.float32],
        policy: Policy,
        allowed: NDArray[np.bool_] | None = None,
        excluded: Mapping[int, range] | None = None,
    ) -> dict[int, Nearness]:
        """By row, the item that it exceeds its limit for most, or comes nearest to, and the template it is likest to.

        Rows near nothing are left out. `vectors`: one unit vector a passage. `allowed`: by item, whether it takes part;
        `excluded`: by row, the items that do not. What takes no part is still in the crowd.
        """
        nearest: dict[int, Nearness] = {}
        item = self._arrays["meaning_item"]
        all_allowed = None if allowed is None else allowed[item]
        for first in range(0, len(compared), self._at_once):
            cosines, clean = self.cosines(vectors[first : first + self._at_once])
            for passage, row, others in zip(compared[first : first + self._at_once], cosines, clean, strict=True):
                takes_part = all_allowed
                if excluded and (out := excluded.get(passage.row)) is not None:
                    others_than = (item < out.start) | (item >= out.stop)
                    takes_part = others_than if all_allowed is None else others_than & all_allowed
                for place, evidence in self.evidence(passage.text, row, others, takes_part):
                    found = self._nearest_item(passage, place, evidence, policy)
                    nearest[passage.row] = nearest.get(passage.row, Nearness()).with_item(found)
        return nearest

    def _nearest_item(self, passage: Passage, place: int, evidence: Evidence, policy: Policy) -> NearestItem:
        background = float(self._arrays["meaning_background"][place])
        return NearestItem(
            item=int(self._arrays["meaning_item"][place]),
            score=scoring.score(evidence),
            limit=policy.meaning_limit(background),
            cosine=evidence.cosine,
            background=background,
            start=passage.start,
            end=passage.end,
            is_template=evidence.has_other_numbers,
        )

    def evidence(
        self,
        text: str,
        cosines: NDArray[np.float32],
        clean: NDArray[np.float32],
        takes_part: NDArray[np.bool_] | None = None,
        least: float = CONSIDERED,
    ) -> Iterator[tuple[int, Evidence]]:
        """The places (vectors) that a passage comes near, from a cosine of `least` on, and what is known of each.

        `cosines` with all items' vectors, and with the `clean` texts'.
        """
        if not len(cosines) or cosines.max() < least:
            return
        taking_part = cosines if takes_part is None else np.where(takes_part, cosines, -1.0)
        candidates = [place for place in highest(taking_part) if taking_part[place] >= least]
        if not candidates:
            return
        near = np.array(highest(cosines, NEIGHBOURS))
        beside = [cosine for cosine in clean[highest(clean)].tolist() if cosine < SAME]
        words, numbers = self._fingerprints.terms(text)
        for place in candidates:
            theirs = self._numbers(place)
            yield (
                place,
                Evidence(
                    cosine=float(cosines[place]),
                    crowd=scoring.crowd_of(self._others(place, near, cosines), beside),
                    missing=1.0 - self._shared_words(place, words),
                    agreement=scoring.agreement(theirs, numbers),
                    length=self._word_count(place),
                    has_other_numbers=scoring.has_other_numbers(theirs, numbers),
                ),
            )

    def _others(self, place: int, near: NDArray[np.intp], cosines: NDArray[np.float32]) -> list[float]:
        """The cosines of a passage with what is near it besides an item and those that say the same, an item once."""
        owners = self._arrays["meaning_owner"]
        alike = self._vectors[:, near].T @ self._vectors[:, place]
        other = (alike < scoring.SAME_ITEM) & (owners[near] != owners[place])
        found: dict[int, float] = {}
        for at in near[other].tolist():  # the nearest first
            found.setdefault(int(owners[at]), float(cosines[at]))
        return list(found.values())

    def _word_count(self, place: int) -> int:
        start, end = self._arrays["meaning_word_start"][place : place + 2]
        return int(end - start)

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
        reached = np.zeros(len(self._arrays["meaning_item"]), np.float32)
        compared = [
            passage for row, text in enumerate(reference) for passage in row_passages(row, *split_question(text))
        ]
        vectors = encoder.encode([passage.text for passage in compared])
        for first in range(0, len(compared), self._at_once):
            cosines, clean = self.cosines(vectors[first : first + self._at_once])
            for passage, near, others in zip(compared[first : first + self._at_once], cosines, clean, strict=True):
                for place, evidence in self.evidence(passage.text, near, others, least=CALIBRATED_FROM):
                    reached[place] = max(reached[place], scoring.score(evidence))
        return reached


CALIBRATED_FROM = 0.55  # a clean text further away than this raises no item's limit


def highest(cosines: NDArray[np.float32], most: int = CANDIDATES) -> list[int]:
    """Where the highest are, the highest first."""
    some = np.argpartition(-cosines, most)[:most] if len(cosines) > most else np.arange(len(cosines))
    return sorted(some.tolist(), key=lambda place: -cosines[place])
