"""From items to the arrays of a registry: which n-grams are kept, what they weigh, whose they are.

The n-grams of a million items do not fit into memory a few times over. They are sorted and counted in parts of the hash
space, by the top bits, one after the other; parts in order are the whole in order, so their number changes no byte.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from curation.decontamination import overlap
from curation.decontamination.words.families import families_of
from curation.decontamination.words.fingerprints import (
    ANSWER,
    QUESTION,
    Array,
    Fields,
    bits_for,
    concatenated,
    fingerprints,
    pop_columns,
)
from curation.decontamination.words.runs import Runs, whole
from curation.decontamination.words.weights import LEAST_WORDS, Part, Protection, part_of, protection

Item = tuple[str, str, str, str]
"""Opaque id, benchmark (name and version), question, answer (may be empty)."""

SHORTEST_SEQUENCE = 4
ENOUGH_CLEAN = 500  # clean texts that do not hold it: then even a short stem is no phrase of everybody's
MARKERS = 8  # n-grams without weight by which a field of common phrases is found for its Jaccard

SEALED_ARRAYS = ("anchor_before", "anchor_length", "field_mass", "field_rare", "field_words")
"""Arrays to encrypt: how long each field is picks an item out of a list of texts that it may be, without any key."""


def leak_tables(fields: Fields, parts: Sequence[Part], is_part: Array) -> dict[str, Array]:
    """What finds leaks among the clean texts: every field word for word, and the n-grams that a clean text holds.

    Of whole items: a clean text that says what a part says shows that the part is common.
    """
    from curation.decontamination.engine import layout

    fields = replace(fields, lengths=np.where(is_part[:, None], 0, fields.lengths))
    protected = protection(fields, parts)
    arrays = postings(protected, (replace(part) for part in parts), only_in_background=True)
    arrays |= field_arrays(fields, protected) | {"long_start": np.zeros(protected.mass.size + 1, np.int64)}
    arrays |= {"long_grams": np.zeros(0, np.uint32), "item_since": np.ones(len(protected.mass), np.int32)}
    arrays |= anchors(whole(fields, fields.lengths >= LEAST_WORDS), layout.MOST_LENGTHS)
    add_exact_keys(arrays, fields)
    return add_indexes(arrays)


def assemble(fields: Fields, parts: list[Part], protected: Protection) -> dict[str, Array]:
    """The arrays of n-grams. `parts` are used up."""
    arrays = postings(protected, consume(parts)) | field_arrays(fields, protected)
    return arrays | long_gram_lists(fields, protected.big)


def consume(parts: list[Part]) -> Iterator[Part]:
    """Each part in order; its memory is free once the next one is asked for."""
    parts.reverse()
    while parts:
        yield parts.pop()


def field_arrays(fields: Fields, protected: Protection) -> dict[str, Array]:
    return {
        "field_mass": protected.mass.ravel(),
        "field_words": fields.lengths.ravel().astype(np.int32),
        "field_rare": np.where(protected.enough, protected.rare, MARKERS).ravel().astype(np.int32),
    }


def postings(protected: Protection, parts: Iterable[Part], only_in_background: bool = False) -> dict[str, Array]:
    """An inverted index: sorted keys with weights, where each one's items begin, and the items with bits of fields."""
    bits = (protected.enough * np.array([1, 2, 4])).sum(axis=1).astype(np.uint8)
    free = np.full(protected.plain.shape, MARKERS, np.int8)
    entries = [entries_of(part, bits, protected.plain, free, only_in_background) for part in parts]
    counts = np.concatenate([counts for _, counts, _, _ in entries])
    starts = np.zeros(len(counts) + 1, np.uint32)
    np.cumsum(counts, out=starts[1:])
    return {
        "gram_keys": concatenated(entries, 0),
        "gram_start": starts,
        "gram_idf": concatenated(entries, 2),
        "gram_post": concatenated(entries, 3),
    }


def entries_of(part: Part, bits: Array, plain: Array, free: Array, only_in_background: bool) -> tuple[Array, ...]:
    """Of a part: the n-grams that are looked for, how many entries each has, their weights, and the entries."""
    from curation.decontamination.engine import assembly, layout

    keys, entries = len(part.keys), len(part.owners)
    wanted = part.clean > 0 if only_in_background else np.ones(keys, np.bool_)
    used, counts, post = np.empty(keys, np.int32), np.empty(keys, np.uint8), np.empty(entries, np.uint32)
    lists = part.starts, part.owners, part.masks, part.weight
    key_count, length = assembly.postings(*lists, wanted, bits, plain, free, layout.MOST_POSTINGS, used, counts, post)
    used = used[:key_count]
    return part.keys[used], counts[:key_count].copy(), part.weight[used], post[:length].copy()


def long_gram_lists(fields: Fields, big: Array) -> dict[str, Array]:
    """The long n-grams of each field that has enough of them."""
    sizes = np.where(big, fields.long_counts, 0).ravel()
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return {"long_start": starts, "long_grams": fields.halves[np.repeat(big.ravel(), fields.long_counts.ravel())]}


def ranks(groups: Array) -> Array:
    """Position of each element within its run of equal ones."""
    if not len(groups):
        return np.zeros(0, np.int32)
    first = np.concatenate([[0], np.flatnonzero(groups[1:] != groups[:-1]) + 1]).astype(np.int32)
    return np.arange(len(groups), dtype=np.int32) - np.repeat(first, np.diff(np.append(first, len(groups))))


def anchors(runs: Runs, most: int) -> dict[str, Array]:
    """By anchor the runs that have it: words before it and length in words (of many, the most frequent)."""
    columns = np.stack([runs.anchors, runs.before.astype(np.uint64), runs.lengths.astype(np.uint64)])
    different, times = np.unique(columns, axis=1, return_counts=True)
    order = np.lexsort((different[2], different[1], -times, different[0]))
    order = order[ranks(different[0][order]) < most]
    keys, starts = np.unique(different[0][order], return_index=True)
    return {
        "anchor_keys": keys,
        "anchor_start": np.append(starts, len(order)).astype(np.int64),
        "anchor_before": different[1][order].astype(np.int32),
        "anchor_length": different[2][order].astype(np.int32),
    }


def add_since(arrays: dict[str, Array], fields: Fields, number: int, previous: "Mapping[str, Array] | None") -> None:
    """Add since when each item is protected: carried over from the arrays of the epoch before where nothing changed.

    An item whose fields weigh something else than before, since the background or its benchmark changed, is new.
    Epochs count from 1, so that "since 0" is always.
    """
    arrays["item_print"] = fields.prints[:, QUESTION] * np.uint64(0x9E3779B97F4A7C15) + fields.prints[:, ANSWER]
    arrays["item_since"] = np.full(len(fields.lengths), max(number, 1), np.int32)
    if previous is None or not len(previous["item_print"]):
        return
    earlier_prints, first = np.unique(previous["item_print"], return_index=True)
    place = np.minimum(np.searchsorted(earlier_prints, arrays["item_print"]), len(earlier_prints) - 1)
    earlier = first[place]
    masses = arrays["field_mass"].reshape(-1, 3), previous["field_mass"].reshape(-1, 3)[earlier]
    lengths = arrays["field_words"].reshape(-1, 3), previous["field_words"].reshape(-1, 3)[earlier]
    same = (earlier_prints[place] == arrays["item_print"]) & (masses[0] == masses[1]).all(axis=1)
    same &= (lengths[0] == lengths[1]).all(axis=1)
    arrays["item_since"][same] = previous["item_since"][earlier[same]]


def add_exact_keys(arrays: dict[str, Array], fields: Fields, cut: Runs | None = None) -> None:
    """Add the fingerprints of whole fields, and of `cut` ones, each with the field that is protected longest."""
    numbers = np.flatnonzero(fields.lengths.ravel() > 0)
    hashes, is_cut = fields.prints.ravel()[numbers], np.zeros(len(numbers), bool)
    if cut is not None:
        hashes, numbers = np.concatenate([hashes, cut.prints]), np.concatenate([numbers, cut.field])
        is_cut = np.arange(len(numbers)) >= len(is_cut)
    order = np.lexsort((numbers, arrays["item_since"][numbers // 3], is_cut, hashes))
    arrays["exact_keys"], first = np.unique(hashes[order], return_index=True)
    arrays["exact_field"] = numbers[order][first].astype(np.int32)


def add_indexes(arrays: dict[str, Array]) -> dict[str, Array]:
    """Add buckets and bit filters: the kernel finds a fingerprint without a search."""
    from curation.decontamination.engine import assembly, lookup

    for name in ("gram", "exact", "anchor"):
        keys = arrays[f"{name}_keys"]
        arrays[f"{name}_bucket"] = np.zeros(max(1, len(keys) // 2) + 1, np.uint32)
        assembly.fill_buckets(keys, arrays[f"{name}_bucket"])
    for name, tables in (("filter", ("gram_keys", "exact_keys")), ("anchor_filter", ("anchor_keys",))):
        arrays[name] = np.zeros(max(1, sum(len(arrays[table]) for table in tables) // 4), np.uint64)
        for table in tables:
            lookup.make_filter(arrays[table], arrays[name])
    return arrays


def distinct_items(
    items: Iterable[Item], keys: Array, wholes: Container[Item] | None = None
) -> tuple[list[Item], Fields, list[Part]]:
    """Items in the order of their benchmarks and families; of those of one benchmark with the same words, the last.

    `wholes`: items that stay where a part of another one has the same words.
    """
    given = list(items)
    families = families_of(given)
    order = sorted(range(len(given)), key=lambda i: (given[i][1], families[i]))
    ordered = [given[i] for i in order]
    bits = bits_for(item[2:] for item in ordered)
    fields, pieces = fingerprints((item[2:] for item in ordered), keys, bits)
    codes = np.unique([item[1] for item in ordered], return_inverse=True)[1] if ordered else np.zeros(0, np.int64)
    is_whole = np.array([wholes is None or item in wholes for item in ordered], bool)
    keep = last_of_each(codes, fields.prints, is_whole)
    kept = [item for item, stays in zip(ordered, keep, strict=True) if stays]
    groups = codes[keep], families[order][keep]
    fields = fields if keep.all() else fields.only(keep)
    fields = replace(fields, halves=with_templates_marked(fields, *groups))
    parts = [part_of(pop_columns(pieces, number), *groups, keep) for number in range(len(pieces))]
    return kept, fields, parts


HALVES_AT_ONCE = 2**24


def with_templates_marked(fields: Fields, benchmark: Array, family: Array) -> Array:
    """The halves of long n-grams, the lowest bit of each saying whether many families of its benchmark hold it."""
    owners = np.repeat(np.arange(len(family), dtype=np.int32), fields.long_counts.sum(axis=1))
    marked = fields.halves & np.uint32(0xFFFFFFFE)
    bits = (len(marked) // HALVES_AT_ONCE).bit_length()
    part = marked >> np.uint32(32 - bits) if bits else np.zeros(len(marked), np.uint32)
    for number in range(2**bits):
        chosen = np.flatnonzero(part == number)
        if not len(chosen):
            continue
        item = owners[chosen]
        keys = benchmark[item].astype(np.uint64) << np.uint64(32) | marked[chosen]
        order = np.lexsort((family[item], keys))
        keys, siblings = keys[order], family[item][order]
        first = np.concatenate([[True], keys[1:] != keys[:-1]])
        other = first | np.concatenate([[True], siblings[1:] != siblings[:-1]])
        starts = np.flatnonzero(first)
        common = np.add.reduceat(other.astype(np.int64), starts) >= overlap.COMMON_IN_REGISTRY
        marked[chosen[order]] |= np.repeat(common, np.diff(np.append(starts, len(keys)))).astype(np.uint32)
    return marked


def last_of_each(codes: Array, prints: Array, is_whole: Array) -> Array:
    """Which items stay: of those with one benchmark, question and answer only the last, a whole one if there is one."""
    columns = codes, prints[:, QUESTION], prints[:, ANSWER]
    order = np.lexsort((np.arange(len(codes)), is_whole, *reversed(columns)))
    same = np.ones(max(0, len(order) - 1), bool)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    keep = np.ones(len(codes), bool)
    keep[order[:-1][same]] = False
    return keep
