"""The overlap of many rows with all items at once, compiled: fingerprints are looked up, windows weighed.

Every step is linear in the row, whatever it holds: an n-gram leads to at most `MOST_POSTINGS` items, and a place in a
row is visited a fixed number of times for each of them. A clean row costs its fingerprints and a look into a filter.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from curation.decontamination.engine.hashing import (
    QUESTION,
    WHOLE,
    Array,
    U,
    accumulate,
    run_fingerprint,
    siphash,
    split,
    trigrams,
)

MOST_POSTINGS = 16  # items that one n-gram leads to
MOST_LENGTHS = 64  # lengths of short fields that begin with the same three words
MIN_HITS = 4  # fewer different shared n-grams than this are a phrase, not a leak
MIN_COVERED = 10  # and so are n-grams that cover fewer words of the row, of a field that has more
WINDOW_SLACK, WINDOW_LEAST = 1.3, 40  # words
FLOOR = 0.1  # a smaller share is reported as none
CANDIDATES = 16  # fields of each kind whose Jaccard is computed: those that share most rare n-grams

# Columns of the two results of `scan`. A field is 3 * item + kind; -1 for none. Positions count words.
PROMPT_WORDS, WORDS, EXACT_FIELD, EXACT_PART, RUN_FIELD, RUN_START, RUN_LENGTH = range(7)
WINDOW_FIELD, TRACED, JACCARD_FIELD = range(7, 10)
INTEGERS = 10
SHARE, JACCARD = range(2)
FLOATS = 2


class Tables(NamedTuple):
    """The arrays of a registry that the kernel reads. `*_bucket` finds the place of a hash among sorted keys."""

    filter: Array  # uint64 words with two bits for each n-gram and whole text
    gram_keys: Array
    gram_bucket: Array
    gram_start: Array
    gram_idf: Array
    gram_post: Array  # 8 * item + bits of the kinds of field
    exact_keys: Array
    exact_bucket: Array
    exact_field: Array
    anchor_filter: Array
    anchor_keys: Array
    anchor_bucket: Array
    anchor_start: Array
    anchor_length: Array
    field_mass: Array  # infinite: not protected by n-grams
    field_words: Array
    field_rare: Array  # different rare n-grams
    long_start: Array
    long_grams: Array  # upper halves of the kept word 5-grams of a field, sorted
    item_since: Array


@njit(cache=True)
def probe(bits, h):
    """Whether a fingerprint may be in the table behind this filter."""
    word = bits[((h >> U(32)) * U(len(bits))) >> U(32)]
    return (word >> ((h >> U(1)) & U(63))) & (word >> ((h >> U(7)) & U(63))) & U(1) != U(0)


@njit(cache=True)
def find(keys, bucket, h):
    """Position of a fingerprint among sorted keys, or -1."""
    b = ((h >> U(32)) * U(len(bucket) - 1)) >> U(32)
    for i in range(np.int64(bucket[b]), np.int64(bucket[b + U(1)])):
        if keys[i] >= h:
            return i if keys[i] == h else -1
    return -1


@njit(cache=True)
def make_filter(hashes, bits):
    """Set the two bits of each fingerprint."""
    for h in hashes:
        at = ((h >> U(32)) * U(len(bits))) >> U(32)
        bits[at] |= (U(1) << ((h >> U(1)) & U(63))) | (U(1) << ((h >> U(7)) & U(63)))


@njit(cache=True)
def slot(table, size, key):
    """Where a key (>= 0) stands, or may be put, in a small table (-1: free) within one row. Size: a power of two."""
    at = np.int64((U(key) * U(0x9E3779B97F4A7C15)) >> U(20)) & (size - 1)
    while table[at] != -1 and table[at] != key:
        at = (at + 1) & (size - 1)
    return at


@njit(cache=True, nogil=True)
def scan(data, offsets, fold, keys, t, since, integers, floats, trace):
    """Compare rows with every item that is newer than `since`: fills `integers` and `floats`, a line a row.

    `trace`: where the positions of the n-grams of the best window go, for one row; empty if nobody asks.
    """
    rows = (len(offsets) - 1) // 2
    longest = 0
    for row in range(rows):
        longest = max(longest, offsets[2 * row + 2] - offsets[2 * row])
    longest = longest // 2 + 2
    words, prefix, grams = np.empty(longest, np.uint64), np.empty(longest + 1, np.uint64), np.empty(longest, np.uint64)
    at, keys_hit, pair = np.empty(longest, np.int64), np.empty(longest, np.int64), np.empty(2, np.uint64)
    counts = np.zeros(1024, np.uint8)
    bits, gram_keys, gram_bucket, anchor_bits = t.filter, t.gram_keys, t.gram_bucket, t.anchor_filter
    for row in range(rows):
        n0 = split(data, offsets[2 * row], offsets[2 * row + 1], fold, keys[6], words, 0)
        n = split(data, offsets[2 * row + 1], offsets[2 * row + 2], fold, keys[6], words, n0)
        accumulate(words, n, keys[7], prefix)
        row_integers, row_floats = integers[row], floats[row]
        row_integers[:] = -1
        row_floats[:] = 0.0
        row_integers[PROMPT_WORDS], row_integers[WORDS], row_integers[TRACED] = n0, n, 0
        for part in range(3):
            start, end = (n0 if part == 1 else 0), (n0 if part == 0 else n)
            if end > start and row_integers[EXACT_FIELD] < 0 and not (part == 2 and n0 == n):
                h = run_fingerprint(prefix, start, end, keys, pair)
                place = find(t.exact_keys, t.exact_bucket, h) if probe(bits, h) else -1
                if place >= 0 and t.item_since[t.exact_field[place] // 3] > since:
                    row_integers[EXACT_FIELD], row_integers[EXACT_PART] = t.exact_field[place], part
        trigrams(words, n, keys[0], keys[1], grams)
        kept, hits = 0, 0
        for i in range(n - 2):
            at[kept] = i
            kept += np.int64(~grams[i] & U(1))
        likely = 0
        for i in range(kept):  # without a branch: one place of memory need not wait for another
            at[likely] = at[i]
            likely += np.int64(probe(bits, grams[at[i]]))
        for i in range(likely):
            place = find(gram_keys, gram_bucket, grams[at[i]])
            if place >= 0:
                at[hits], keys_hit[hits] = at[i], place
                hits += 1
        for i in range(n - 2 if len(t.anchor_keys) else 0):
            if probe(anchor_bits, grams[i]):
                run_from(i, n, grams[i], prefix, keys, t, since, pair, row_integers)
                if row_integers[RUN_FIELD] >= 0:
                    break
        if hits >= MIN_HITS and may_share_enough(keys_hit, hits, t.gram_start, t.gram_post, counts):
            measure(words, grams, n0, n, at[:hits], keys_hit[:hits], keys, t, since, row_integers, row_floats, trace)


@njit(cache=True)
def may_share_enough(keys_hit, hits, starts, post, counts):
    """Whether any item may share MIN_HITS n-grams, by the low bits of its number. Spares `measure` most rows."""
    counts[:] = 0
    for i in range(hits):
        for j in range(np.int64(starts[keys_hit[i]]), np.int64(starts[keys_hit[i] + 1])):
            place = (post[j] >> np.uint32(3)) & np.uint32(1023)
            counts[place] += np.uint8(1)
            if counts[place] >= MIN_HITS:
                return True
    return False


@njit(cache=True)
def run_from(i, n, h, prefix, keys, t, since, pair, row_integers):
    """Whether a field that is only protected word for word begins at word i, whose 3-gram is h."""
    place = find(t.anchor_keys, t.anchor_bucket, h)
    if place < 0:
        return
    for j in range(t.anchor_start[place], t.anchor_start[place + 1]):
        length = np.int64(t.anchor_length[j])
        if i + length > n:
            continue
        p = run_fingerprint(prefix, i, i + length, keys, pair)
        exact_place = find(t.exact_keys, t.exact_bucket, p) if probe(t.filter, p) else -1
        if exact_place >= 0 and t.item_since[t.exact_field[exact_place] // 3] > since:
            row_integers[RUN_FIELD], row_integers[RUN_START], row_integers[RUN_LENGTH] = (
                t.exact_field[exact_place],
                i,
                length,
            )
            return


@njit(cache=True)
def measure(words, grams, n0, n, at, keys_hit, keys, t, since, row_integers, row_floats, trace):
    """Containment and Jaccard of a row that shares n-grams with items. `keys_hit`: their places in the keys, by `at`.

    First the different n-grams of the row and the fields they belong to, numbered within the row; then the fields whose
    shared n-grams weigh enough, each with its list of places; then each one's best window.
    """
    hits, size = len(at), 4
    while size < 2 * hits:
        size *= 2
    table, names = np.full(size, -1, np.int64), np.empty(size, np.int64)
    local, distinct, place_of = np.empty(hits, np.int64), 0, np.empty(hits, np.int64)
    entries = 0
    for i in range(hits):
        s = slot(table, size, keys_hit[i])
        if table[s] == -1:
            table[s], names[s], place_of[distinct] = keys_hit[i], distinct, keys_hit[i]
            distinct += 1
            entries += 3 * (np.int64(t.gram_start[keys_hit[i] + 1]) - np.int64(t.gram_start[keys_hit[i]]))
        local[i] = names[s]
    if distinct < MIN_HITS:
        return
    size = 4
    while size < 2 * entries:
        size *= 2
    table, names = np.full(size, -1, np.int64), np.empty(size, np.int64)
    fields, shared, total = np.empty(entries, np.int64), np.zeros(entries, np.int64), np.zeros(entries, np.float64)
    starts, owners, count, field_count = np.empty(distinct + 1, np.int64), np.empty(entries, np.int64), 0, 0
    most = 0
    for g in range(distinct):
        starts[g] = count
        for j in range(np.int64(t.gram_start[place_of[g]]), np.int64(t.gram_start[place_of[g] + 1])):
            item = np.int64(t.gram_post[j] >> np.uint32(3))
            if t.item_since[item] <= since:
                continue
            for kind in range(3):
                if (t.gram_post[j] >> np.uint32(kind)) & np.uint32(1):
                    field = 3 * item + kind
                    s = slot(table, size, field)
                    if table[s] == -1:
                        table[s], names[s], fields[field_count] = field, field_count, field
                        field_count += 1
                    shared[names[s]] += 1
                    most = max(most, shared[names[s]])
                    total[names[s]] += t.gram_idf[place_of[g]]
                    owners[count] = names[s]
                    count += 1
    if most < MIN_HITS:
        return
    starts[distinct] = count
    containment(
        n, at, local, starts, owners, place_of, fields[:field_count], shared, total, t, row_integers, row_floats, trace
    )
    jaccard(words, grams, n0, n, distinct, fields[:field_count], shared, keys, t, row_integers, row_floats)


@njit(cache=True)
def containment(n, at, local, starts, owners, place_of, fields, shared, total, t, row_integers, row_floats, trace):
    """The best window of the fields that could reach FLOOR: largest weight of different n-grams over the field's."""
    field_count = len(fields)
    ends = np.zeros(field_count + 1, np.int64)
    possible = np.zeros(field_count, np.bool_)
    for f in range(field_count):
        possible[f] = shared[f] >= MIN_HITS and total[f] >= FLOOR * t.field_mass[fields[f]]
    for i in range(len(at)):
        for j in range(starts[local[i]], starts[local[i] + 1]):
            if possible[owners[j]]:
                ends[owners[j] + 1] += 1
    for f in range(field_count):
        ends[f + 1] += ends[f]
    places, fill = np.empty(ends[field_count], np.int32), ends[:-1].copy()
    for i in range(len(at)):
        for j in range(starts[local[i]], starts[local[i] + 1]):
            if possible[owners[j]]:
                places[fill[owners[j]]] = i
                fill[owners[j]] += 1
    inside = np.zeros(len(place_of), np.int32)
    for f in range(field_count):
        if not possible[f]:
            continue
        field = fields[f]
        width = max(WINDOW_LEAST, np.int64(np.ceil(WINDOW_SLACK * t.field_words[field])))
        first, weight, different = ends[f], 0.0, 0
        best, best_first, best_last, best_different = 0.0, 0, 0, 0
        for last in range(ends[f], ends[f + 1]):
            gram = local[places[last]]
            if inside[gram] == 0:
                weight += t.gram_idf[place_of[gram]]
                different += t.gram_idf[place_of[gram]] > 0
            inside[gram] += 1
            while at[places[last]] - at[places[first]] >= width:
                old = local[places[first]]
                inside[old] -= 1
                if inside[old] == 0:
                    weight -= t.gram_idf[place_of[old]]
                    different -= t.gram_idf[place_of[old]] > 0
                first += 1
            if weight > best + 1e-9:
                best, best_first, best_last, best_different = weight, first, last + 1, different
        for i in range(first, ends[f + 1]):
            inside[local[places[i]]] = 0
        share = best / t.field_mass[field]
        if best_different < MIN_HITS or share < FLOOR or share <= row_floats[SHARE] + 1e-9:
            continue
        covered, end = 0, -1
        for i in range(best_first, best_last):
            covered += min(3, at[places[i]] + 3 - end)
            end = at[places[i]] + 3
        if covered >= min(MIN_COVERED, t.field_words[field] - 2):
            row_floats[SHARE], row_integers[WINDOW_FIELD] = share, field
            if len(trace):
                row_integers[TRACED] = best_last - best_first
                for i in range(best_first, best_last):
                    trace[i - best_first] = at[places[i]]


@njit(cache=True)
def jaccard(words, grams, n0, n, distinct, fields, shared, keys, t, row_integers, row_floats):
    """Jaccard over kept word 5-grams: the prompt against questions, the whole row against whole items."""
    for kind in (QUESTION, WHOLE):
        best, likely = np.full(CANDIDATES, -1, np.int64), np.zeros(CANDIDATES, np.float64)
        for f in range(len(fields)):
            if fields[f] % 3 != kind or shared[f] < MIN_HITS or t.long_start[fields[f] + 1] == t.long_start[fields[f]]:
                continue
            value = shared[f] / (t.field_rare[fields[f]] + distinct - shared[f] + 1.0)
            if value > likely[CANDIDATES - 1]:
                j = CANDIDATES - 1
                while j > 0 and likely[j - 1] < value:
                    likely[j], best[j] = likely[j - 1], best[j - 1]
                    j -= 1
                likely[j], best[j] = value, fields[f]
        if best[0] < 0:
            continue
        end = n0 if kind == QUESTION else n
        size = 8
        while size < end + 8:
            size *= 2
        table, own = np.full(size, -1, np.int64), 0
        for i in range(end - 4):
            if grams[i + 2] & U(1) == U(0):
                half = np.int64(siphash(words, i, 5, keys[2], keys[3]) >> U(32))
                s = slot(table, size, half)
                own += table[s] == -1
                table[s] = half
        for field in best:
            if field < 0:
                break
            start, stop = t.long_start[field], t.long_start[field + 1]
            theirs = stop - start
            if min(own, theirs) <= max(FLOOR, row_floats[JACCARD]) * max(own, theirs):
                continue
            common = 0
            for j in range(start, stop):
                half = np.int64(t.long_grams[j])
                common += table[slot(table, size, half)] == half
            value = common / (own + theirs - common)
            if value >= FLOOR and value > row_floats[JACCARD]:
                row_floats[JACCARD], row_integers[JACCARD_FIELD] = value, field
