"""From items to the arrays of a registry: which n-grams are kept, what they weigh, whose they are.

The n-grams of a million items do not fit into memory a few times over. They are sorted and counted in parts of the hash
space, by the top bits, one after the other; parts in order are the whole in order, so their number changes no byte.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from curation.decontamination import normalise, overlap
from curation.decontamination.families import families_of

Array = np.ndarray[Any, Any]
Item = tuple[str, str, str, str]
"""Opaque id, benchmark (name and version), question, answer (may be empty)."""

QUESTION, ANSWER, WHOLE = range(3)
LEAST_WORDS = np.array([8, 12, 8])  # by kind: a shorter field is compared word for word only
SHORTEST_ANSWER = 6  # words; a shorter answer says nothing without its question
SURE_WORDS = 20  # a shorter answer, or part of an item, is protected alone only where clean texts do not hold its words
SHORTEST_SEQUENCE = 4
ENOUGH_CLEAN = 500  # clean texts that do not hold it: then even a short stem is no phrase of everybody's
MARKERS = 8  # n-grams without weight by which a field of common phrases is found for its Jaccard
TEXTS_AT_ONCE, CHARACTERS_AT_ONCE = 20_000, 16_000_000  # texts fingerprinted in one go
PART_CHARACTERS = 2**24  # characters of items for each part of the hash space

SEALED_ARRAYS = ("anchor_length", "field_mass", "field_rare", "field_words")
"""Arrays to encrypt: how long each field is picks an item out of a list of texts that it may be, without any key."""


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


Pieces = list[list[tuple[Array, Array, Array]]]
"""By part of the hash space, by batch: n-grams, whose they are, and the bits of the kinds of field that hold them."""


@dataclass
class Part:
    """The n-grams of one part of the hash space: the different ones, sorted, with weights, and whose each is."""

    keys: Array
    starts: Array
    owners: Array
    masks: Array
    common: Array  # whether it is the template of a benchmark
    weight: Array
    in_background: Array  # whether a clean text holds it

    def weigh(self, frequency: Array, documents: int) -> None:
        self.weight = idf(frequency, documents)
        self.weight[self.common] = 0.0
        self.in_background = frequency > 0


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
    return Part(*own, weight=empty, in_background=empty)


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

    `plain`: fields that are also found by n-grams that weigh nothing.
    """

    rare: Array
    mass: Array
    enough: Array
    big: Array
    plain: Array


def protection(fields: Fields, parts: Sequence[Part]) -> Protection:
    from curation.decontamination.engine import assembly

    shape = fields.lengths.shape
    kept, rare, mass = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape)
    for part in parts:
        assembly.tally(part.starts, part.owners, part.masks, part.weight, kept, rare, mass)
    enough = (fields.lengths >= LEAST_WORDS) & (rare >= overlap.MIN_GRAMS)
    big = fields.long_counts >= overlap.MIN_LONG_GRAMS
    plain = big & ((2 * rare < kept) | ~enough)
    return Protection(rare, np.where(enough, mass, np.inf).astype(np.float32), enough, big, plain)


def without_common(fields: Fields, parts: Sequence[Part], is_part: Array) -> Fields:
    """The fields without short answers, and short parts of items, that clean texts hold half of.

    "No, this is not true" is no item, nor is "Which of these is right?". `is_part`: by item, whether it is one's part.
    """
    from curation.decontamination.engine import assembly

    shape = fields.lengths.shape
    kept, unseen, mass = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape)
    for part in parts:
        own = (~part.in_background & ~part.common).astype(np.float32)
        assembly.tally(part.starts, part.owners, part.masks, own, kept, unseen, mass)
    common = ((2 * unseen < kept) | (unseen == 0)) & (fields.lengths < SURE_WORDS)
    common[:, (QUESTION, WHOLE)] &= is_part[:, None]
    return replace(fields, lengths=np.where(common, 0, fields.lengths))


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
    arrays |= anchors(fields, fields.lengths >= LEAST_WORDS, layout.MOST_LENGTHS)
    add_exact_keys(arrays, fields)
    return add_indexes(arrays)


def assemble(fields: Fields, parts: list[Part], is_generic: Array | None = None) -> dict[str, Array]:
    """The arrays that do not depend on epochs. `parts` are used up.

    `is_generic`: by item, whether a short field of it may stand in any text: it is found where it is all that is said.
    """
    from curation.decontamination.engine import layout

    protected = protection(fields, parts)
    arrays = (
        postings(protected, consume(parts)) | field_arrays(fields, protected) | long_gram_lists(fields, protected.big)
    )
    wanted = fields.lengths >= SHORTEST_SEQUENCE
    if is_generic is not None:
        wanted &= ~is_generic[:, None] | (fields.lengths >= LEAST_WORDS)
    return arrays | anchors(fields, wanted & ~protected.enough, layout.MOST_LENGTHS)


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
    wanted = part.in_background if only_in_background else np.ones(keys, np.bool_)
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


def anchors(fields: Fields, chosen: Array, most: int) -> dict[str, Array]:
    """The first 3-gram of the chosen fields, with their lengths in words (of many, the most frequent)."""
    pairs, times = np.unique(
        np.stack([fields.anchors[chosen], fields.lengths[chosen].astype(np.uint64)]), axis=1, return_counts=True
    )
    order = np.lexsort((pairs[1], -times, pairs[0]))
    order = order[ranks(pairs[0][order]) < most]
    keys, starts = np.unique(pairs[0][order], return_index=True)
    return {
        "anchor_keys": keys,
        "anchor_start": np.append(starts, len(order)).astype(np.int64),
        "anchor_length": pairs[1][order].astype(np.int32),
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


def add_exact_keys(arrays: dict[str, Array], fields: Fields) -> None:
    """Add the fingerprints of whole fields, each with the field that is protected longest."""
    numbers = np.flatnonzero(fields.lengths.ravel() > 0)
    hashes = fields.prints.ravel()[numbers]
    order = np.lexsort((numbers, arrays["item_since"][numbers // 3], hashes))
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
