"""Translations: is a row an item in another language?

A model that reads many languages gives a text and its translation nearly the same vector. What of a row is in another
language than an item is compared with it, passage by passage; a row in the language of all items is read by no model.

Such a model puts texts of one kind close together, whatever they say, and some languages closer than others. So the
score of a passage is its cosine with an item, plus how far this stands out from the cosines with what comes nearest
besides (other items and clean texts, its *crowd*; Artetxe and Schwenk 2019, arXiv 1811.01136, call that a margin), plus
what the numbers say, for digits survive translation, less what the lengths differ by. An item's limit is LIMIT, or
more where a clean text already comes near it. Everything kept of an item is a vector, its length, keyed fingerprints
of its numbers and what clean texts reach: no text.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.decontamination.meaning.comparing import ROWS_AT_ONCE, NearestItem, encoder_name, key_of
from curation.decontamination.meaning.passages import MOST_CHARACTERS, item_texts
from curation.decontamination.overlap import Overlap
from curation.decontamination.snapshot import BadRegistry
from curation.decontamination.terms import Fingerprints
from curation.decontamination.translation.foreign_texts import (
    Part,
    agreement,
    languages_of,
    length_of,
    parts_of,
    readable,
    spelt_numbers,
    written_numbers,
)
from curation.decontamination.words.building import Item

if TYPE_CHECKING:
    from curation.decontamination.engine.encoder import Encoder

LIMIT, MARGIN = 0.915, 0.02  # the least score of a translation, and how far above the clean texts' it must be
NUMBERS_WEIGHT, LENGTH_WEIGHT = 0.05, 0.02  # of the agreement of numbers, and of the logarithm of the lengths' ratio
CROWD, USUAL = 8, 0.8  # texts that make a crowd, and the cosine of each that is lacking
SAME_ITEM = 0.95  # cosine of two items that say the same: versions of one, or its parts
CLEAN_TEXTS = 256  # of the reference
CANDIDATES, CONFIRMED = 48, 16  # vectors that are nearest to a passage, and those looked at in detail
NEVER = np.float32(-9.0)  # the cosine of an item that takes no part


@dataclass(frozen=True)
class Translated:
    """In which other languages a row is, the model that compared it, and the item nearest to it; ranges as joined.

    `encoder` is empty where no model is at hand.
    """

    languages: tuple[str, ...] = ()
    encoder: str = ""
    nearest: NearestItem | None = None

    @property
    def scores(self) -> dict[str, float]:
        """What was measured; nothing of a row that is in no other language, or was not compared."""
        if not self.languages or not self.encoder:
            return {}
        score, limit = (self.nearest.score, self.nearest.limit) if self.nearest else (0.0, 1.0)
        return {"translation": round(score, 4), "translation_limit": round(limit, 4)}


def told(result: Overlap, translated: "Translated | None") -> Overlap:
    """An overlap that says in which other languages the row is, and what compared them."""
    if translated is None or (translated.languages, translated.encoder) == (result.languages, result.translator):
        return result
    return replace(result, languages=translated.languages, translator=translated.encoder)


# --- building ---------------------------------------------------------------------------------------------------------
def header_of(items: Sequence[Item], encoder: "Encoder | None") -> dict[str, Any]:
    """What a registry's header says: the model, and in which languages the items are; nobody asks without a model."""
    if encoder is None:
        return {"multilingual": None, "languages": []}
    return {"multilingual": encoder.identity, "languages": sorted(set(languages_of([item[1:] for item in items])))}


def build_arrays(
    items: Sequence[Item], encoder: "Encoder", clean: Sequence[str], key: bytes, chosen: Sequence[int] | None = None
) -> dict[str, NDArray[Any]]:
    """The arrays of items (of one id: its parts): vectors, languages, numbers, and what clean texts reach.

    `chosen`: the numbers of the items that have vectors; not given: all.
    """
    numbered = range(len(items)) if chosen is None else chosen
    texts = [(number, text) for number in numbered for text in item_texts(*items[number][2:])]
    fingerprints, item_languages = Fingerprints(key), languages_of([item[1:] for item in items])
    owners = {item[0]: number for number, item in enumerate(items)}
    known = sorted(set(item_languages))
    numbers = [item_numbers(text, fingerprints) for _, text in texts]
    sample = sampled(clean)
    arrays: dict[str, NDArray[Any]] = {
        "language_vectors": encoder.encode([readable(text) for _, text in texts]).astype(np.float16),
        "language_item": np.array([number for number, _ in texts], np.int32),
        "language_owner": np.array([owners[item[0]] for item in items], np.int32),
        "language_of_item": np.array([known.index(language) for language in item_languages], np.uint8),
        "language_length": np.array([length_of(text) for _, text in texts], np.int32),
        "language_clean": encoder.encode(sample).astype(np.float16),
        "language_numbers": np.array([number for _, hashes in numbers for number in hashes], np.uint64),
        "language_written": np.array([count for count, _ in numbers], np.int32),
        "language_number_start": np.cumsum([0, *(len(hashes) for _, hashes in numbers)], dtype=np.int64),
        "language_background": np.zeros(len(texts), np.float32),
    }
    scorer = Scorer(arrays, fingerprints)
    arrays["language_background"] = scorer.background(sample)
    return arrays


def sampled(clean: Sequence[str]) -> list[str]:
    """Some of the clean texts as the model reads them: by hash, so nearly the same ones when the reference grows."""
    return [readable(text)[:MOST_CHARACTERS] for text in sorted(clean, key=key_of)[:CLEAN_TEXTS]]


def item_numbers(text: str, fingerprints: Fingerprints) -> tuple[int, list[int]]:
    """How many numbers an item writes in digits, then the fingerprints of those and of the ones it spells."""
    written = written_numbers(text)
    return len(written), [
        *sorted(map(fingerprints.of, written)),
        *sorted(map(fingerprints.of, spelt_numbers(text))),
    ]


# --- comparing --------------------------------------------------------------------------------------------------------
class Scorer:
    """Scores of passages against the opened arrays of a registry, from their vectors."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], fingerprints: Fingerprints) -> None:
        self._arrays, self._fingerprints = arrays, fingerprints

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Of items, a column each."""
        return np.ascontiguousarray(self._arrays["language_vectors"].astype(np.float32).T)

    @cached_property
    def clean(self) -> NDArray[np.float32]:
        """Of clean texts, a column each."""
        return np.ascontiguousarray(self._arrays["language_clean"].astype(np.float32).reshape(-1, len(self.vectors)).T)

    @cached_property
    def _owners(self) -> NDArray[np.int32]:
        """Whose part each vector is of."""
        owners: NDArray[np.int32] = self._arrays["language_owner"][self._arrays["language_item"]]
        return owners

    def nearest(
        self, text: str, cosines: NDArray[np.float32], clean: NDArray[np.float32]
    ) -> tuple[int, float, float] | None:
        """The place (vector) that a passage is nearest to, its score and its crowd; None where no item takes part."""
        near = np.flatnonzero(cosines > NEVER)
        if not len(near):
            return None
        near = near[np.argsort(-cosines[near], kind="stable")[:CANDIDATES]]
        numbers = {self._fingerprints.of(number) for number in written_numbers(text)}
        length = length_of(text)
        confirmed = {int(p): float(cosines[p]) + self._support(int(p), numbers, length) for p in near[:CONFIRMED]}
        place = max(confirmed, key=lambda at: confirmed[at])
        crowd = self._crowd(place, near, cosines, clean)
        return place, confirmed[place] + float(cosines[place]) - crowd, crowd

    def _support(self, place: int, numbers: Collection[int], length: int) -> float:
        start, end = self._arrays["language_number_start"][place : place + 2]
        theirs = self._arrays["language_numbers"][start:end].tolist()
        written = int(self._arrays["language_written"][place])
        ratio = abs(math.log((length + 1) / (int(self._arrays["language_length"][place]) + 1)))
        return NUMBERS_WEIGHT * agreement(theirs[:written], theirs[written:], numbers) - LENGTH_WEIGHT * ratio

    def _crowd(
        self, place: int, near: NDArray[np.intp], cosines: NDArray[np.float32], clean: NDArray[np.float32]
    ) -> float:
        """The mean cosine of a passage with the texts that are nearest to it beside an item and those that say the
        same.
        """
        alike = self.vectors[:, near].T @ self.vectors[:, place]
        owners = self._owners
        others: dict[int, float] = {}
        for at, likeness in zip(near.tolist(), alike.tolist(), strict=True):
            if likeness < SAME_ITEM and owners[at] != owners[place]:
                others[int(owners[at])] = max(float(cosines[at]), others.get(int(owners[at]), -1.0))
        crowd = sorted([*others.values(), *clean.tolist(), *[USUAL] * CROWD], reverse=True)[:CROWD]
        return sum(crowd) / CROWD

    def limit(self, place: int) -> float:
        return max(LIMIT, float(self._arrays["language_background"][place]) + MARGIN)

    def background(self, sample: Sequence[str]) -> NDArray[np.float32]:
        """For each vector, the highest score that a clean text reaches against it (0 where it is nearest to none)."""
        highest = np.zeros(len(self._arrays["language_item"]), np.float32)
        for number, text in enumerate(sample):
            vector = self.clean[:, number]
            others = np.delete(vector @ self.clean, number)
            if found := self.nearest(text, vector @ self.vectors, others):
                highest[found[0]] = max(highest[found[0]], found[1])
        return highest


class Translations:
    """The opened arrays of a registry, and how rows in other languages are compared with them."""

    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        key: bytes,
        header: Mapping[str, Any],
        encoder: "Encoder | None" = None,
    ) -> None:
        self._arrays, self._scorer = arrays, Scorer(arrays, Fingerprints(key))
        self._known, self._required = list(header["languages"]), header["multilingual"]
        self._given = encoder

    @classmethod
    def of(
        cls,
        header: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        key: bytes,
        encoder: "Encoder | None" = None,
    ) -> "Translations | None":
        """None for a registry that was made without such a model."""
        return cls(arrays, key, header, encoder) if header.get("multilingual") else None

    @cached_property
    def encoder(self) -> "Encoder | None":
        """The configured model, not loaded yet; None where none is at hand."""
        from curation.decontamination.engine import multilingual

        try:
            return self._given or multilingual.default()
        except ImportError as problem:
            raise BadRegistry(str(problem)) from problem

    @property
    def encoder_name(self) -> str:
        return encoder_name(self._required) if self.encoder else ""

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raises BadRegistry where another model is configured: somebody believes that translations are found."""
        assert self.encoder is not None
        if self.encoder.identity != self._required:
            raise BadRegistry(
                f"This registry was made with the multilingual model {self._required}, this process has"
                f" {self.encoder.identity}: set CFT_MULTILINGUAL_MODEL to that model or to off, or publish a new epoch."
            )
        return self.encoder.encode(texts)

    def parts(self, rows: Sequence[tuple[str, str]], chosen: Iterable[int]) -> list[Part]:
        """What of the chosen rows (prompt, answer) is in another language than some items."""
        return [part for row in chosen for part in parts_of(row, *rows[row], self._known)]

    def measure(
        self, rows: Sequence[tuple[str, str]], chosen: Sequence[int], allowed: NDArray[np.bool_] | None = None
    ) -> dict[int, Translated]:
        """What is found of each of the chosen rows. `allowed`: by item, whether it takes part."""
        parts = self.parts(rows, chosen)
        nearest = self.compare(parts, allowed) if parts and self.encoder_name else {}
        spoken: dict[int, set[str]] = {row: set() for row in chosen}
        for part in parts:
            spoken[part.row].add(part.language)
        return {row: Translated(tuple(sorted(spoken[row])), self.encoder_name, nearest.get(row)) for row in chosen}

    def compare(self, parts: Sequence[Part], allowed: NDArray[np.bool_] | None = None) -> dict[int, NearestItem]:
        """By row, the item that one of its parts exceeds the limit for most, or comes nearest to."""
        found: dict[int, NearestItem] = {}
        vectors = self._encode([part.text for part in parts])
        for first in range(0, len(parts), ROWS_AT_ONCE):
            batch = vectors[first : first + ROWS_AT_ONCE]
            cosines, clean = batch @ self._scorer.vectors, batch @ self._scorer.clean
            if allowed is not None:
                cosines[:, ~allowed[self._arrays["language_item"]]] = NEVER
            for part, row, others in zip(parts[first : first + ROWS_AT_ONCE], cosines, clean, strict=True):
                nearest = self._nearest(part, row, others)
                best = found.get(part.row)
                if nearest and (best is None or nearest.score - nearest.limit > best.score - best.limit):
                    found[part.row] = nearest
        return found

    def _nearest(self, part: Part, cosines: NDArray[np.float32], clean: NDArray[np.float32]) -> NearestItem | None:
        if part.language in self._known:
            same = self._arrays["language_of_item"] == self._known.index(part.language)
            cosines = np.where(same[self._arrays["language_item"]], NEVER, cosines)
        if (nearest := self._scorer.nearest(part.text, cosines, clean)) is None:
            return None
        place, score, crowd = nearest
        item, cosine = int(self._arrays["language_item"][place]), float(cosines[place])
        return NearestItem(item, min(score, 1.0), self._scorer.limit(place), cosine, crowd, part.start, part.end)
