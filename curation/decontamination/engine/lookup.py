"""Hashes looked up, compiled: in a bit filter, among sorted keys, in a small table of a row."""

import numpy as np
from numba import njit

from curation.decontamination.engine.hashing import U


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
