"""Words and keyed fingerprints of many texts at once, compiled. Bytes in, numbers out.

A row is two segments of packed bytes, prompt and answer (see `pack`). Its words are the runs of ASCII letters, digits
and bytes from 128 on, hashed under a key; SipHash-2-4 over word hashes makes the fingerprints of n-grams and of whole
texts. All is linear in the row; a run of words is fingerprinted in the logarithm of its length.

SipHash: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]
U = np.uint64

QUESTION, ANSWER, WHOLE = range(3)

FOLD = np.array(
    [code if code >= 128 else ord(chr(code).lower()) if chr(code).isalnum() else 0 for code in range(256)], np.uint8
)


def pack(texts: Sequence[str]) -> tuple[Array, Array]:
    """UTF-8 of texts, one behind the other, and where each begins (one more for the end)."""
    joined = "".join(texts)
    if joined.isascii():
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        data = joined.encode()
    else:
        pieces = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        data = b"".join(pieces)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return np.frombuffer(data, np.uint8), offsets


@njit(inline="always")
def sip_round(a, b, c, d):
    a += b
    c += d
    b = ((b << U(13)) | (b >> U(51))) ^ a
    d = ((d << U(16)) | (d >> U(48))) ^ c
    a = (a << U(32)) | (a >> U(32))
    a += d
    c += b
    d = ((d << U(21)) | (d >> U(43))) ^ a
    b = ((b << U(17)) | (b >> U(47))) ^ c
    c = (c << U(32)) | (c >> U(32))
    return a, b, c, d


@njit(cache=True)
def siphash(blocks, start, count, k0, k1):
    """SipHash-2-4 of the little-endian bytes of blocks[start : start + count]."""
    a, b = k0 ^ U(0x736F6D6570736575), k1 ^ U(0x646F72616E646F6D)
    c, d = k0 ^ U(0x6C7967656E657261), k1 ^ U(0x7465646279746573)
    for i in range(count):
        block = blocks[start + i]
        a, b, c, d = sip_round(a, b, c, d ^ block)
        a, b, c, d = sip_round(a, b, c, d)
        a ^= block
    last = U(count * 8) << U(56)
    a, b, c, d = sip_round(a, b, c, d ^ last)
    a, b, c, d = sip_round(a, b, c, d)
    a ^= last
    c ^= U(0xFF)
    for _ in range(4):
        a, b, c, d = sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


@njit(cache=True)
def trigrams(words, count, k0, k1, out):
    """SipHash-2-4 of each run of three word hashes, by position. Without a branch: many at once fit the registers."""
    for i in range(count - 2):
        a, b = k0 ^ U(0x736F6D6570736575), k1 ^ U(0x646F72616E646F6D)
        c, d = k0 ^ U(0x6C7967656E657261), k1 ^ U(0x7465646279746573)
        for j in range(3):
            a, b, c, d = sip_round(a, b, c, d ^ words[i + j])
            a, b, c, d = sip_round(a, b, c, d)
            a ^= words[i + j]
        a, b, c, d = sip_round(a, b, c, d ^ U(24 << 56))
        a, b, c, d = sip_round(a, b, c, d)
        a ^= U(24 << 56)
        c ^= U(0xFF)
        for _ in range(4):
            a, b, c, d = sip_round(a, b, c, d)
        out[i] = a ^ b ^ c ^ d


@njit(cache=True)
def split(data, start, end, fold, seed, words, count):
    """Append the hash of each word of data[start:end] to `words`; returns how many it holds then.

    The lowest bit of a hash says whether the word is a number: only letters have a bit of 0xC0.
    """
    h, seen = seed, np.uint8(0)
    for i in range(start, end):
        letter = fold[data[i]]
        if letter != 0:
            h = (h ^ U(letter)) * U(0x9E3779B97F4A7C15)
            seen |= letter
        elif seen:
            words[count] = ((h ^ (h >> U(32))) & ~U(1)) | U(seen & np.uint8(0xC0) == 0)
            count += 1
            h, seen = seed, np.uint8(0)
    if seen:
        words[count] = ((h ^ (h >> U(32))) & ~U(1)) | U(seen & np.uint8(0xC0) == 0)
        count += 1
    return count


@njit(cache=True)
def run_fingerprint(prefix, start, end, keys, pair):
    """Fingerprint of the words start..end: SipHash of their polynomial under a secret base, and of their number."""
    power, base, left = U(1), keys[7], end - start
    while left:
        if left & 1:
            power *= base
        base *= base
        left >>= 1
    pair[0] = prefix[end] - prefix[start] * power
    pair[1] = U(end - start)
    return siphash(pair, 0, 2, keys[4], keys[5])


@njit(cache=True)
def accumulate(words, count, base, prefix):
    """Values of the polynomials of all first words."""
    prefix[0] = U(0)
    for i in range(count):
        prefix[i + 1] = prefix[i] * base + words[i]


@njit(cache=True, nogil=True)
def fingerprint(
    data, offsets, fold, keys, least_answer, lengths, prints, anchors, long_counts, grams, owners, masks, halves
):
    """Fingerprints of items (or of clean texts: no answer). Returns how many n-grams and how many halves there are.

    By item and kind of field: `lengths` (words; 0: no such field), `prints` of the whole, `anchors` (first 3-gram).
    Then the different kept 3-grams of each item with the bits of the kinds that hold them (none with two numbers: sums
    are shared by texts that have nothing else in common), and the upper halves of the
    different kept 5-grams of questions and wholes, and how many of them each field has (`long_counts`). The outputs
    have room for a number for each word, `halves` for two.

    A 3-gram is kept by a bit of its hash, a 5-gram by that of its last 3-gram: who has the key and guesses the next
    word of a text learns from one bit whether the guess was right, not from two.
    """
    longest = longest_row(offsets) // 2 + 2
    words, prefix, pair = np.empty(longest, np.uint64), np.empty(longest + 1, np.uint64), np.empty(2, np.uint64)
    own, own_mask, short = np.empty(longest, np.uint64), np.empty(longest, np.uint8), np.empty(longest, np.uint64)
    long_own = np.empty(longest, np.uint32)
    count, long_count = 0, 0
    for row in range((len(offsets) - 1) // 2):
        n0 = split(data, offsets[2 * row], offsets[2 * row + 1], fold, keys[6], words, 0)
        n = split(data, offsets[2 * row + 1], offsets[2 * row + 2], fold, keys[6], words, n0)
        accumulate(words, n, keys[7], prefix)
        whole_fields(words, n0, n, prefix, keys, pair, least_answer, lengths[row], prints[row], anchors[row])
        trigrams(words, n, keys[0], keys[1], short)
        kept = kept_trigrams(words, short, n0, n, lengths[row], own, own_mask)
        count = append_distinct(own[:kept], own_mask, row, grams, owners, masks, count)
        for kind in range(3):
            end = 0 if kind == ANSWER or lengths[row, kind] == 0 else n0 if kind == QUESTION else n
            different = distinct_long_grams(words, short, end, keys, long_own, halves, long_count)
            long_counts[row, kind] = different
            long_count += different
    return count, long_count


@njit(cache=True)
def longest_row(offsets):
    """The bytes of the longest row."""
    longest = 0
    for row in range((len(offsets) - 1) // 2):
        longest = max(longest, offsets[2 * row + 2] - offsets[2 * row])
    return longest


@njit(cache=True)
def whole_fields(words, n0, n, prefix, keys, pair, least_answer, lengths, prints, anchors):
    """By kind of field of one item: its length in words (0: no such field), its fingerprint and its first 3-gram."""
    for kind in range(3):
        start, end = (n0 if kind == ANSWER else 0), (n0 if kind == QUESTION else n)
        exists = end > start and not (kind == WHOLE and n == n0) and not (kind == ANSWER and n - n0 < least_answer)
        lengths[kind] = end - start if exists else 0
        prints[kind] = run_fingerprint(prefix, start, end, keys, pair)
        anchors[kind] = siphash(words, start, 3, keys[0], keys[1]) if end - start >= 3 else U(0)


@njit(cache=True)
def kept_trigrams(words, short, n0, n, lengths, own, own_mask):
    """Fill `own` with the kept 3-grams of one item and `own_mask` with the kinds that hold them; returns how many."""
    kept = 0
    for i in range(n - 2):
        h = short[i]
        numbers = (words[i] & U(1)) + (words[i + 1] & U(1)) + (words[i + 2] & U(1))
        if h & U(1) == U(0) and numbers < U(2):
            bits = (lengths[QUESTION] > 0 and i + 3 <= n0) + 2 * (lengths[ANSWER] > 0 and i >= n0)
            own[kept], own_mask[kept] = h, bits + 4 * (lengths[WHOLE] > 0)
            kept += 1
    return kept


@njit(cache=True)
def append_distinct(own, own_mask, row, grams, owners, masks, count):
    """Append the different n-grams of one item, sorted, with its number and their bits; returns how many there are."""
    order = np.argsort(own)
    for j in range(len(own)):
        if j and own[order[j]] == own[order[j - 1]]:
            masks[count - 1] |= own_mask[order[j]]
        else:
            grams[count], owners[count], masks[count] = own[order[j]], row, own_mask[order[j]]
            count += 1
    return count


@njit(cache=True)
def distinct_long_grams(words, short, end, keys, long_own, halves, first):
    """Fill `halves` from `first` with the different kept 5-grams of the first `end` words; returns how many."""
    kept, count = 0, 0
    for i in range(end - 4):
        if short[i + 2] & U(1) == U(0):
            long_own[kept] = np.uint32(siphash(words, i, 5, keys[2], keys[3]) >> U(32))
            kept += 1
    ordered = np.sort(long_own[:kept])
    for j in range(kept):
        if j == 0 or ordered[j] != ordered[j - 1]:
            halves[first + count] = ordered[j]
            count += 1
    return count


@njit(cache=True, nogil=True)
def cut_runs(data, offsets, fold, keys, chosen, span, lost, most):
    """The runs of the chosen fields (item, kind) that lack at most a share `lost` of the field's runs of `span` words.

    For each run: its field (3 * item + kind), its fingerprint, its anchor, the words of it before the anchor, its
    length. All runs of one field have one anchor, in what none of them has lost; of the kept half, if it can be.
    """
    longest = longest_row(offsets) // 2 + 2
    words, prefix, pair = np.empty(longest, np.uint64), np.empty(longest + 1, np.uint64), np.empty(2, np.uint64)
    grams, room = np.empty(longest, np.uint64), chosen.sum() * (np.int64(lost * most) + 1)
    fields, before, lengths = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32)
    prints, anchors, count = np.empty(room, np.uint64), np.empty(room, np.uint64), 0
    for row in range(len(chosen)):
        n0 = split(data, offsets[2 * row], offsets[2 * row + 1], fold, keys[6], words, 0)
        n = split(data, offsets[2 * row + 1], offsets[2 * row + 2], fold, keys[6], words, n0)
        accumulate(words, n, keys[7], prefix)
        trigrams(words, n, keys[0], keys[1], grams)
        for kind in range(3):
            start, end = (n0 if kind == ANSWER else 0), (n0 if kind == QUESTION else n)
            if not chosen[row, kind] or end - start < span or end - start > most:
                continue
            cut = np.int64(lost * (end - start - span + 1) + 1e-9)
            place = anchor_between(grams, start + cut, end - cut)
            for first in range(start, start + cut + 1):
                last = end - cut + first - start
                fields[count], prints[count] = 3 * row + kind, run_fingerprint(prefix, first, last, keys, pair)
                anchors[count], before[count], lengths[count] = grams[place], place - first, last - first
                count += 1
    return fields[:count], prints[:count], anchors[:count], before[:count], lengths[:count]


@njit(cache=True)
def anchor_between(grams, start, end):
    """The place of the 3-gram in words start..end with the smallest hash, among those that are kept if there is one."""
    best = start
    for i in range(start, end - 2):
        better = grams[i] < grams[best] if grams[i] & U(1) == grams[best] & U(1) else grams[i] & U(1) == U(0)
        if better:
            best = i
    return best
