"""Where one row holds what chosen items hold, compiled: all of it, not only the window that decided."""

import numpy as np
from numba import njit

from curation.decontamination.engine.hashing import U, accumulate, run_fingerprint, split, trigrams
from curation.decontamination.engine.lookup import find, probe


@njit(cache=True)
def places(data, offsets, fold, keys, t, first, last, grams, starts, ends):
    """Where a row holds words of the items first..last - 1; positions count words. Returns how many of each there are.

    `grams`: where their rare n-grams begin. `starts`, `ends`: fields that stand word for word, either as the prompt,
    the answer or both, or within the row where they, or most of them, are found so. All three have room for a number
    for each word and three more.
    """
    words = np.empty(len(data) // 2 + 2, np.uint64)
    n0 = split(data, offsets[0], offsets[1], fold, keys[6], words, 0)
    n = split(data, offsets[1], offsets[2], fold, keys[6], words, n0)
    prefix, short, pair = np.empty(n + 1, np.uint64), np.empty(n + 2, np.uint64), np.empty(2, np.uint64)
    accumulate(words, n, keys[7], prefix)
    trigrams(words, n, keys[0], keys[1], short)
    count, runs = 0, 0
    for part in range(3):
        start, end = (n0 if part == 1 else 0), (n0 if part == 0 else n)
        field = field_of(start, end, prefix, keys, t, pair, first, last) if end > start else -1
        if field >= 0 and t.field_words[field] == end - start:
            starts[runs], ends[runs] = start, end
            runs += 1
    for i in range(n - 2):
        if short[i] & U(1) == U(0) and probe(t.filter, short[i]) and is_gram(short[i], t, first, last):
            grams[count] = i
            count += 1
        if len(t.anchor_keys) and probe(t.anchor_filter, short[i]):
            start, end = longest_run(i, n, short[i], prefix, keys, t, pair, first, last)
            if end > start:
                starts[runs], ends[runs] = start, end
                runs += 1
    return count, runs


@njit(cache=True)
def is_gram(h, t, first, last):
    """Whether an n-gram is a rare one of these items."""
    place = find(t.gram_keys, t.gram_bucket, h)
    if place < 0 or t.gram_idf[place] <= 0:
        return False
    for j in range(np.int64(t.gram_start[place]), np.int64(t.gram_start[place + 1])):
        if first <= np.int64(t.gram_post[j] >> np.uint32(3)) < last:
            return True
    return False


@njit(cache=True)
def field_of(start, end, prefix, keys, t, pair, first, last):
    """The field of these items that a run of words is, or is most of; -1 for none."""
    h = run_fingerprint(prefix, start, end, keys, pair)
    place = find(t.exact_keys, t.exact_bucket, h) if probe(t.filter, h) else -1
    return np.int64(t.exact_field[place]) if place >= 0 and first <= t.exact_field[place] // 3 < last else np.int64(-1)


@njit(cache=True)
def longest_run(i, n, h, prefix, keys, t, pair, first, last):
    """The longest run of these items' words that has its anchor at word i, whose 3-gram is h; an empty one for none."""
    place, longest_start, longest_end = find(t.anchor_keys, t.anchor_bucket, h), np.int64(0), np.int64(0)
    if place < 0:
        return longest_start, longest_end
    for j in range(t.anchor_start[place], t.anchor_start[place + 1]):
        start = i - np.int64(t.anchor_before[j])
        end = start + np.int64(t.anchor_length[j])
        if start < 0 or end > n or end - start <= longest_end - longest_start:
            continue
        if field_of(start, end, prefix, keys, t, pair, first, last) >= 0:
            longest_start, longest_end = start, end
    return longest_start, longest_end
