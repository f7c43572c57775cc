"""What the n-grams of items weigh beside clean texts, and which fields they protect."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from curation.decontamination import overlap
from curation.decontamination.words.fingerprints import (
    ANSWER,
    QUESTION,
    WHOLE,
    Array,
    Fields,
    fingerprints,
    pop_columns,
)

LEAST_WORDS = np.array([8, 12, 8])  # by kind: a shorter field is compared word for word only
SPAN = 8  # words in a row that hardly anybody writes twice
SURE_WORDS = 20  # a shorter answer, or part of an item, is protected alone only where clean texts do not hold its words


@dataclass
class Part:
    """The n-grams of one part of the hash space: the different ones, sorted, with weights, and whose each is."""

    keys: Array
    starts: Array
    owners: Array
    masks: Array
    common: Array  # whether it is the template of a benchmark
    weight: Array
    clean: Array  # how many clean texts hold it, up to those that make it common

    def weigh(self, frequency: Array, documents: int) -> None:
        self.weight = idf(frequency, documents)
        self.weight[self.common] = 0.0
        self.clean = np.minimum(frequency, overlap.COMMON_IN_BACKGROUND).astype(np.uint8)


def part_of(columns: Sequence[Array], benchmark: Array, family: Array, keep: Array) -> Part:
    """Sorted, without what belongs to items that are not kept (a mask); those that are kept are numbered anew.

    `benchmark` and `family`: of each kept item.
    """
    from curation.decontamination.engine import assembly

    grams, owners, masks = columns
    order = np.argsort(grams, kind="stable")
    if not keep.all():
        order = order[keep[owners[order]]]
        owners = (np.cumsum(keep, dtype=np.int32) - 1)[owners]
    grams, owners, masks = grams[order], owners[order], masks[order]
    keys, starts = np.empty(len(grams), np.uint64), np.empty(len(grams) + 1, np.uint32)
    common = np.zeros(len(grams), np.bool_)
    count = assembly.runs(grams, owners, benchmark, family, overlap.COMMON_IN_REGISTRY, keys, starts, common)
    empty = np.zeros(0, np.float32)
    own = keys[:count].copy(), starts[: count + 1].copy(), owners, masks, common[:count].copy()
    return Part(*own, weight=empty, clean=empty)


def idf(frequency: Array, documents: int) -> Array:
    """Weight of an n-gram: log((N + 2) / (df + 1)), and 0 once it is common."""
    weights = np.log((documents + 2) / (frequency + 1))
    weights[frequency >= overlap.COMMON_IN_BACKGROUND] = 0.0
    return weights.astype(np.float32)


class Background:
    """The clean reference: its texts, and which n-grams of the items each holds."""

    def __init__(self, texts: Sequence[str], keys: Array, parts: Sequence[Part]) -> None:
        fields, pieces = fingerprints(((text, "") for text in texts), keys, (len(parts) - 1).bit_length())
        self.used = fields.lengths[:, QUESTION] > 0
        self._occurrences: list[tuple[Array, Array]] = []
        for number, part in enumerate(parts):
            grams, documents, _ = pop_columns(pieces, number)
            at = np.searchsorted(part.keys, grams).astype(np.int32)
            at[at == len(part.keys)] = 0
            shared = part.keys[at] == grams if len(part.keys) else np.zeros(len(at), bool)
            self._occurrences.append((documents[shared], at[shared]))

    def weigh(self, parts: Sequence[Part]) -> None:
        """Give the n-grams their weights, from how many of the used texts hold each."""
        for part, (documents, at) in zip(parts, self._occurrences, strict=True):
            frequency = np.bincount(at[self.used[documents]], minlength=len(part.keys))
            part.weigh(frequency.astype(np.int32), self.documents)

    @property
    def documents(self) -> int:
        return int(self.used.sum())


@dataclass(frozen=True)
class Protection:
    """By item and kind: kept n-grams, rare ones, what the rare ones weigh (infinite: too few), and if there are enough.

    `plain`: fields that are also found by n-grams that weigh nothing; `thin`: those of which most may hold next to no
    rare n-gram.
    """

    rare: Array
    mass: Array
    enough: Array
    big: Array
    plain: Array
    thin: Array


def protection(fields: Fields, parts: Sequence[Part]) -> Protection:
    from curation.decontamination.engine import assembly

    shape = fields.lengths.shape
    kept, rare, mass = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape)
    for part in parts:
        assembly.tally(part.starts, part.owners, part.masks, part.weight, kept, rare, mass)
    enough = (fields.lengths >= LEAST_WORDS) & (rare >= overlap.MIN_GRAMS)
    big = fields.long_counts >= overlap.MIN_LONG_GRAMS
    poor = (2 * rare < kept) | ~enough
    thin = poor | (rare < 2 * overlap.MIN_GRAMS)
    return Protection(rare, np.where(enough, mass, np.inf).astype(np.float32), enough, big, big & poor, thin)


def without_common(fields: Fields, parts: Sequence[Part], is_part: Array, benchmark: Array) -> Fields:
    """The fields without short answers, and short parts of items, that are anybody's.

    "No, this is not true" is no item, nor is "Which of these is right?": clean texts hold half of its n-grams. A longer
    answer, of SPAN words, is anybody's if all of them are common, or if several items of a benchmark have it.
    `is_part`: by item, whether it is one's part; `benchmark`: its number.
    """
    kept, unseen = tallied(fields, parts, [~part.common & (part.clean == 0) for part in parts])
    common = (2 * unseen < kept) | (unseen == 0)
    kept, rare = tallied(fields, parts, [part.clean < overlap.COMMON_IN_BACKGROUND for part in parts])
    is_long = ~is_part & (fields.lengths[:, ANSWER] >= SPAN)
    phrase = ((kept > 0) & (rare == 0))[is_long, ANSWER]
    common[is_long, ANSWER] = phrase | repeated(fields.prints[is_long, ANSWER], benchmark[is_long])
    common[:, (QUESTION, WHOLE)] &= is_part[:, None]
    return replace(fields, lengths=np.where(common & (fields.lengths < SURE_WORDS), 0, fields.lengths))


def tallied(fields: Fields, parts: Sequence[Part], chosen: Sequence[Array]) -> tuple[Array, Array]:
    """By field its kept n-grams, and those of them that are chosen (a mask for each part)."""
    from curation.decontamination.engine import assembly

    shape = fields.lengths.shape
    kept, own, mass = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape)
    for part, mask in zip(parts, chosen, strict=True):
        assembly.tally(part.starts, part.owners, part.masks, mask.astype(np.float32), kept, own, mass)
    return kept, own


def repeated(prints: Array, benchmark: Array) -> Array:
    """Which texts as many items of one benchmark have as make a template."""
    _, place, times = np.unique(
        np.stack([benchmark.astype(np.uint64), prints]), axis=1, return_inverse=True, return_counts=True
    )
    return times[place.ravel()] >= overlap.COMMON_IN_REGISTRY
