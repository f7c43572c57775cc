"""The overlap of many rows with all items at once, compiled: fingerprints are looked up, matches measured.

Every step is linear in the row, whatever it holds: an n-gram leads to at most `MOST_POSTINGS` items, and a place in a
row is visited a fixed number of times for each of them. A clean row costs its fingerprints and a look into a filter.
"""

import numpy as np
from numba import njit

from curation.decontamination.engine.hashing import U, accumulate, longest_row, run_fingerprint, split, trigrams
from curation.decontamination.engine.layout import (
    EXACT_FIELD,
    EXACT_PART,
    MIN_HITS,
    PROMPT_WORDS,
    RUN_FIELD,
    RUN_LENGTH,
    RUN_START,
    TRACED,
    WORDS,
)
from curation.decontamination.engine.lookup import find, probe
from curation.decontamination.engine.measures import measure


@njit(cache=True, nogil=True)
def scan(data, offsets, fold, keys, t, since, integers, floats, trace):
    """Compare rows with every item that is newer than `since`: fills `integers` and `floats`, a line a row.

    `t`: the registry's `Tables`. `trace`: where the positions of the n-grams of the best window go, for a single row;
    empty if they are not wanted. One long function: cut into parts, a clean row took 15 % longer.
    """
    rows = (len(offsets) - 1) // 2
    longest = longest_row(offsets) // 2 + 2
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
                field = t.exact_field[place] if place >= 0 else -1
                if place >= 0 and t.item_since[field // 3] > since and t.field_words[field] == end - start:
                    row_integers[EXACT_FIELD], row_integers[EXACT_PART] = field, part
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
                run_around(i, n, grams[i], prefix, keys, t, since, pair, row_integers)
                if row_integers[RUN_FIELD] >= 0:
                    break
        if hits >= MIN_HITS and may_share_enough(keys_hit, hits, t.gram_start, t.gram_post, counts):
            measure(words, grams, n0, n, at[:hits], keys_hit[:hits], keys, t, since, row_integers, row_floats, trace)


@njit(cache=True)
def run_around(i, n, h, prefix, keys, t, since, pair, row_integers):
    """Whether a run of words that is protected as it is has its anchor at word i, whose 3-gram is h."""
    place = find(t.anchor_keys, t.anchor_bucket, h)
    if place < 0:
        return
    for j in range(t.anchor_start[place], t.anchor_start[place + 1]):
        start, length = i - np.int64(t.anchor_before[j]), np.int64(t.anchor_length[j])
        if start < 0 or start + length > n:
            continue
        p = run_fingerprint(prefix, start, start + length, keys, pair)
        exact_place = find(t.exact_keys, t.exact_bucket, p) if probe(t.filter, p) else -1
        if exact_place >= 0 and t.item_since[t.exact_field[exact_place] // 3] > since:
            row_integers[RUN_FIELD] = t.exact_field[exact_place]
            row_integers[RUN_START], row_integers[RUN_LENGTH] = start, length
            return


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
