"""From the n-grams of items to an inverted index, compiled: one pass each over a part of the hash space, no copies."""

import numpy as np
from numba import njit

from curation.decontamination.engine.hashing import QUESTION, WHOLE, U


@njit(cache=True)
def runs(grams, owners, benchmark, family, common, keys, starts, is_common):
    """The different ones of sorted `grams`, where each begins, and whether `common` families of one benchmark hold it.

    Counted inside a benchmark version, because the next version repeats the items of the last. Of one n-gram the
    owners are in order, and so are the items' benchmarks and families. Returns how many different n-grams there are.
    """
    count, times, before, sibling = 0, 0, -1, -1
    for i in range(len(grams)):
        group, own = np.int64(benchmark[owners[i]]), np.int64(family[owners[i]])
        if i == 0 or grams[i] != grams[i - 1]:
            keys[count], starts[count], is_common[count] = grams[i], i, False
            count += 1
            times, sibling = 0, -1
        elif group != before:
            times = 0
        times += own != sibling
        before, sibling = group, own
        if times >= common:
            is_common[count - 1] = True
    starts[count] = len(grams)
    return count


@njit(cache=True)
def tally(starts, owners, masks, weight, kept, rare, mass):
    """Add to each field (item, kind): its kept n-grams, its rare ones, and what those weigh."""
    for g in range(len(weight)):
        for i in range(starts[g], starts[g + 1]):
            for kind in range(3):
                if (masks[i] >> kind) & 1:
                    kept[owners[i], kind] += 1
                    if weight[g] > 0:
                        rare[owners[i], kind] += 1
                        mass[owners[i], kind] += np.float64(weight[g])


@njit(cache=True)
def postings(starts, owners, masks, weight, wanted, bits, plain, free, most, used, counts, post):
    """The entries that are looked for: those of rare n-grams by the `bits` of their item, at most `most` an n-gram.

    Of `plain` fields (item, kind) the first few n-grams without weight too; `free` says how many more of them.
    Fills `used` (numbers of n-grams with entries), how many entries each has, and the entries; returns both lengths.
    """
    keys, entries = 0, 0
    for g in range(len(weight)):
        first = entries
        for i in range(starts[g], starts[g + 1]):
            owner = owners[i]
            mask = masks[i] & bits[owner] if weight[g] > 0 else np.uint8(0)
            for kind in (QUESTION, WHOLE):
                open_bit = (masks[i] & ~mask) >> kind & 1
                if open_bit and plain[owner, kind] and free[owner, kind] > 0:
                    free[owner, kind] -= 1
                    mask |= np.uint8(1 << kind)
            if mask and wanted[g] and entries - first < most:
                post[entries] = (np.uint32(owner) << np.uint32(3)) | np.uint32(mask)
                entries += 1
        if entries > first:
            used[keys], counts[keys] = g, entries - first
            keys += 1
    return keys, entries


@njit(cache=True)
def fill_buckets(keys, starts):
    """Where the keys of each bucket begin, among sorted keys; `starts` is zero and one longer than the buckets."""
    buckets = U(len(starts) - 1)
    for key in keys:
        starts[(((key >> U(32)) * buckets) >> U(32)) + U(1)] += np.uint32(1)
    for i in range(1, len(starts)):
        starts[i] += starts[i - 1]
