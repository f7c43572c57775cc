"""From items to the arrays of a registry: which n-grams are kept, what they weigh, whose they are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation import normalise
from curation import overlap as ov
from curation.overlap import Hasher, Hashes

Item = tuple[str, str, str, str]
"""Opaque id, benchmark (name and version), question, answer (may be empty)."""

QUESTION, ANSWER, WHOLE = range(3)
LEAST_WORDS = {QUESTION: 8, ANSWER: 20, WHOLE: 20}  # a shorter field is compared word for word only
SHORTEST_SEQUENCE = 4


@dataclass
class Field:
    """A part of an item that a row may hold."""

    item: int
    kind: int
    words: list[str]
    grams: Hashes  # kept 3-grams, different, sorted
    long_grams: Hashes  # kept 5-grams, different, sorted
    rare: Hashes | None = None


def build_arrays(
    items: Sequence[Item], hasher: Hasher, background: Iterable[str]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays by name, and what the header says about them."""
    items = list({(item[1], *map(tuple, words_of(item))): item for item in items}.values())
    fields = [one for number, item in enumerate(items) for one in fields_of(number, item, hasher)]
    benchmarks = sorted({item[1] for item in items})
    arrays: dict[str, np.ndarray] = {
        "item_id": np.array([item[0].encode() for item in items], dtype=np.bytes_),
        "item_benchmark": np.array([benchmarks.index(item[1]) for item in items], np.uint16),
        "field_item": np.array([one.item for one in fields], np.int32),
        "field_kind": np.array([one.kind for one in fields], np.uint8),
        "field_words": np.array([len(one.words) for one in fields], np.int32),
    }
    documents = weigh(arrays, fields, items, hasher, background)
    arrays |= postings("long", [one.long_grams if one.kind != ANSWER else one.long_grams[:0] for one in fields])
    sizes = [len(one.long_grams) if len(one.long_grams) >= ov.MIN_GRAMS else 2**31 - 1 for one in fields]
    arrays["field_long"] = np.array(sizes, np.int32)
    protected = {one.item for one in fields if one.rare is not None}
    exact(arrays, fields, hasher)
    return arrays, {
        "items": len(items),
        "benchmarks": benchmarks,
        "background_documents": documents,
        "unprotected": [item[0] for number, item in enumerate(items) if number not in protected],
    }


def words_of(item: Item) -> tuple[list[str], list[str]]:
    return normalise.words(item[2]), normalise.words(item[3])


def fields_of(number: int, item: Item, hasher: Hasher) -> Iterable[Field]:
    question, answer = words_of(item)
    texts = {QUESTION: question, ANSWER: answer, WHOLE: question + answer}
    for kind, words in texts.items():
        if words and not (kind == WHOLE and not answer) and not (kind == ANSWER and len(words) < LEAST_WORDS[ANSWER]):
            yield Field(number, kind, words, *(distinct(hasher.grams(words, n)) for n in (ov.GRAM, ov.LONG_GRAM)))


def distinct(hashes: Hashes) -> Hashes:
    return np.unique(hashes[ov.kept(hashes)])


def weigh(
    arrays: dict[str, np.ndarray], fields: list[Field], items: Sequence[Item], hasher: Hasher, background: Iterable[str]
) -> int:
    """Add the rare 3-grams with their weights and owners, and every field's mass; returns the background's size."""
    grams = np.unique(np.concatenate([one.grams for one in fields])) if fields else np.zeros(0, np.uint64)
    documents = [normalise.words(text) for text in background]
    weights = ov.idf(ov.document_frequency(documents, hasher, grams), len(documents))
    weights[shared_by_items(grams, fields, items) >= ov.COMMON_IN_REGISTRY] = 0.0
    masses = np.full(len(fields), np.inf, np.float32)
    for number, one in enumerate(fields):
        weight = weights[ov.lookup(grams, one.grams)]
        if len(one.words) >= LEAST_WORDS[one.kind] and np.count_nonzero(weight) >= ov.MIN_GRAMS:
            one.rare = one.grams[weight > 0]
            masses[number] = weight.sum()
    arrays["field_mass"] = masses
    arrays |= postings("gram", [one.grams[:0] if one.rare is None else one.rare for one in fields])
    arrays["gram_idf"] = weights[ov.lookup(grams, arrays["gram_keys"])]
    return len(documents)


def shared_by_items(grams: Hashes, fields: list[Field], items: Sequence[Item]) -> np.ndarray:
    """In how many items of one benchmark version each n-gram occurs, at most.

    Counted inside a version, because the next version of a benchmark repeats the items of the last.
    """
    most = np.zeros(len(grams), np.int64)
    seen: dict[str, np.ndarray] = {}
    by_item: dict[int, list[Hashes]] = {}
    for one in fields:
        by_item.setdefault(one.item, []).append(one.grams)
    for number, lists in by_item.items():
        counts = seen.setdefault(items[number][1], np.zeros(len(grams), np.int64))
        counts[ov.lookup(grams, np.unique(np.concatenate(lists)))] += 1
    for counts in seen.values():
        np.maximum(most, counts, out=most)
    return most


def postings(name: str, lists: list[Hashes]) -> dict[str, np.ndarray]:
    """An inverted index: sorted keys, where each one's fields begin, and the fields."""
    hashes = np.concatenate([*lists, np.zeros(0, np.uint64)]).astype(np.uint64)
    owners = np.repeat(np.arange(len(lists), dtype=np.int32), [len(one) for one in lists])
    order = np.lexsort((owners, hashes))
    keys, starts = np.unique(hashes[order], return_index=True)
    return {
        f"{name}_keys": keys,
        f"{name}_start": np.append(starts, len(hashes)).astype(np.int64),
        f"{name}_field": owners[order].astype(np.int32),
    }


def exact(arrays: dict[str, np.ndarray], fields: list[Field], hasher: Hasher) -> None:
    """Add the fingerprints of whole fields, and the first words of those that no weighted n-gram protects."""
    by_hash = {hasher.of("exact", one.words): number for number, one in reversed(list(enumerate(fields)))}
    keys = np.array(sorted(by_hash), np.uint64)
    arrays["exact_keys"] = keys
    arrays["exact_field"] = np.array([by_hash[int(key)] for key in keys], np.int32)
    lengths: Counter[tuple[int, int]] = Counter()
    for one in fields:
        if one.rare is None and len(one.words) >= SHORTEST_SEQUENCE:
            lengths[int(hasher.grams(one.words[: ov.GRAM], ov.GRAM)[0]), len(one.words)] += 1
    pairs = sorted(lengths)
    anchors = np.array([anchor for anchor, _ in pairs], np.uint64)
    arrays["anchor_keys"], starts = np.unique(anchors, return_index=True)
    arrays["anchor_start"] = np.append(starts, len(pairs)).astype(np.int64)
    arrays["anchor_length"] = np.array([length for _, length in pairs], np.int32)
