"""Containment and Jaccard of a row that shares n-grams with items, compiled."""

import numpy as np
from numba import njit

from curation.decontamination.engine.hashing import QUESTION, WHOLE, U, siphash
from curation.decontamination.engine.layout import (
    CANDIDATES,
    FLOOR,
    JACCARD,
    JACCARD_FIELD,
    MIN_COVERED,
    MIN_HITS,
    SHARE,
    TRACED,
    WINDOW_FIELD,
    WINDOW_LEAST,
    WINDOW_SLACK,
)
from curation.decontamination.engine.lookup import slot


@njit(cache=True)
def measure(words, grams, n0, n, at, keys_hit, keys, t, since, row_integers, row_floats, trace):
    """Containment and Jaccard of a row. `keys_hit`: the places in the keys of its n-grams, which are at words `at`.

    First the different n-grams of the row and the fields they belong to, numbered within the row; then the fields whose
    shared n-grams weigh enough, each with its list of places; then each one's best window.
    """
    local, place_of = distinct_keys(keys_hit)
    if len(place_of) < MIN_HITS:
        return
    starts, owners, fields, shared, total = fields_sharing(place_of, t, since)
    if len(fields) == 0 or shared.max() < MIN_HITS:
        return
    containment(at, local, starts, owners, place_of, fields, shared, total, t, row_integers, row_floats, trace)
    jaccard(words, grams, n0, n, len(place_of), fields, shared, keys, t, row_integers, row_floats)


@njit(cache=True)
def distinct_keys(keys_hit):
    """The number within the row of each n-gram hit, and the place in the keys of each different one."""
    hits, size = len(keys_hit), 4
    while size < 2 * hits:
        size *= 2
    table, names = np.full(size, -1, np.int64), np.empty(size, np.int64)
    local, place_of, distinct = np.empty(hits, np.int64), np.empty(hits, np.int64), 0
    for i in range(hits):
        s = slot(table, size, keys_hit[i])
        if table[s] == -1:
            table[s], names[s], place_of[distinct] = keys_hit[i], distinct, keys_hit[i]
            distinct += 1
        local[i] = names[s]
    return local, place_of[:distinct]


@njit(cache=True)
def fields_sharing(place_of, t, since):
    """The fields that hold the row's different n-grams: owners[starts[g] : starts[g + 1]] are those of n-gram g.

    Owners are numbers within the row: of fields `fields`, which share `shared` n-grams that weigh `total`.
    """
    size, entries = 4, 0
    for place in place_of:
        entries += 3 * (np.int64(t.gram_start[place + 1]) - np.int64(t.gram_start[place]))
    while size < 2 * entries:
        size *= 2
    table, names = np.full(size, -1, np.int64), np.empty(size, np.int64)
    fields, shared, total = np.empty(entries, np.int64), np.zeros(entries, np.int64), np.zeros(entries, np.float64)
    starts, owners, count, known = np.empty(len(place_of) + 1, np.int64), np.empty(entries, np.int64), 0, 0
    for g in range(len(place_of)):
        starts[g] = count
        for j in range(np.int64(t.gram_start[place_of[g]]), np.int64(t.gram_start[place_of[g] + 1])):
            item = np.int64(t.gram_post[j] >> np.uint32(3))
            for kind in range(3 if t.item_since[item] > since else 0):
                if (t.gram_post[j] >> np.uint32(kind)) & np.uint32(1):
                    field = 3 * item + kind
                    s = slot(table, size, field)
                    if table[s] == -1:
                        table[s], names[s], fields[known] = field, known, field
                        known += 1
                    shared[names[s]] += 1
                    total[names[s]] += t.gram_idf[place_of[g]]
                    owners[count] = names[s]
                    count += 1
    starts[len(place_of)] = count
    return starts, owners, fields[:known], shared[:known], total[:known]


@njit(cache=True)
def containment(at, local, starts, owners, place_of, fields, shared, total, t, row_integers, row_floats, trace):
    """The best window of the fields that could reach FLOOR: largest weight of different n-grams over the field's."""
    possible = np.zeros(len(fields), np.bool_)
    for f in range(len(fields)):
        possible[f] = shared[f] >= MIN_HITS and total[f] >= FLOOR * t.field_mass[fields[f]]
    ends, places = places_by_field(local, starts, owners, possible)
    inside = np.zeros(len(place_of), np.int32)
    for f in range(len(fields)):
        if not possible[f]:
            continue
        field, own = fields[f], places[ends[f] : ends[f + 1]]
        width = max(WINDOW_LEAST, np.int64(np.ceil(WINDOW_SLACK * t.field_words[field])))
        weight, different, first, last = best_window(own, at, local, place_of, t.gram_idf, width, inside)
        share = weight / t.field_mass[field]
        if different < MIN_HITS or share < FLOOR or share <= row_floats[SHARE] + 1e-9:
            continue
        if covered_words(own[first:last], at) >= min(MIN_COVERED, t.field_words[field] - 2):
            row_floats[SHARE], row_integers[WINDOW_FIELD] = share, field
            if len(trace):
                row_integers[TRACED] = last - first
                for i in range(first, last):
                    trace[i - first] = at[own[i]]


@njit(cache=True)
def places_by_field(local, starts, owners, possible):
    """The hits of each possible field, in order: places[ends[f] : ends[f + 1]] are those of field f."""
    ends = np.zeros(len(possible) + 1, np.int64)
    for gram in local:
        for j in range(starts[gram], starts[gram + 1]):
            if possible[owners[j]]:
                ends[owners[j] + 1] += 1
    for f in range(len(possible)):
        ends[f + 1] += ends[f]
    places, fill = np.empty(ends[-1], np.int32), ends[:-1].copy()
    for i in range(len(local)):
        for j in range(starts[local[i]], starts[local[i] + 1]):
            if possible[owners[j]]:
                places[fill[owners[j]]] = i
                fill[owners[j]] += 1
    return ends, places


@njit(cache=True)
def best_window(places, at, local, place_of, idf, width, inside):
    """Of windows of `width` words the heaviest: its weight, its different n-grams, and where its places begin and end.

    `inside`: zeros, a number for each different n-gram of the row; zeros again when this returns.
    """
    first, weight, different = 0, 0.0, 0
    best, best_different, best_first, best_last = 0.0, 0, 0, 0
    for last in range(len(places)):
        gram = local[places[last]]
        if inside[gram] == 0:
            weight += idf[place_of[gram]]
            different += idf[place_of[gram]] > 0
        inside[gram] += 1
        while at[places[last]] - at[places[first]] >= width:
            old = local[places[first]]
            inside[old] -= 1
            if inside[old] == 0:
                weight -= idf[place_of[old]]
                different -= idf[place_of[old]] > 0
            first += 1
        if weight > best + 1e-9:
            best, best_different, best_first, best_last = weight, different, first, last + 1
    for i in range(first, len(places)):
        inside[local[places[i]]] = 0
    return best, best_different, best_first, best_last


@njit(cache=True)
def covered_words(places, at):
    """How many words of the row the 3-grams at these places cover."""
    covered, end = 0, -1
    for place in places:
        covered += min(3, at[place] + 3 - end)
        end = at[place] + 3
    return covered


@njit(cache=True)
def jaccard(words, grams, n0, n, distinct, fields, shared, keys, t, row_integers, row_floats):
    """Jaccard over kept word 5-grams: the prompt against questions, the whole row against whole items."""
    for kind in (QUESTION, WHOLE):
        candidates = likely_fields(kind, distinct, fields, shared, t.field_rare, t.long_start)
        if candidates[0] < 0:
            continue
        table, own = long_grams_of(words, grams, n0 if kind == QUESTION else n, keys)
        for field in candidates:
            if field < 0:
                break
            start, stop = t.long_start[field], t.long_start[field + 1]
            theirs = stop - start
            if min(own, theirs) <= max(FLOOR, row_floats[JACCARD]) * max(own, theirs):
                continue
            common, own_part, shared_own = 0, 0, 0
            for j in range(start, stop):
                half, template = np.int64(t.long_grams[j] >> U(1)), t.long_grams[j] & U(1)
                found = table[slot(table, len(table), half)] == half
                common += found
                own_part += template == U(0)
                shared_own += found and template == U(0)
            value = common / (own + theirs - common)
            if 2 * shared_own < own_part:  # the template of its benchmark, and not what the item says in it
                continue
            if value >= FLOOR and value > row_floats[JACCARD]:
                row_floats[JACCARD], row_integers[JACCARD_FIELD] = value, field


@njit(cache=True)
def likely_fields(kind, distinct, fields, shared, field_rare, long_start):
    """The CANDIDATES fields of this kind that share most rare n-grams, most first; -1 where there are fewer."""
    best, likely = np.full(CANDIDATES, -1, np.int64), np.zeros(CANDIDATES, np.float64)
    for f in range(len(fields)):
        if fields[f] % 3 != kind or shared[f] < MIN_HITS or long_start[fields[f] + 1] == long_start[fields[f]]:
            continue
        value = shared[f] / (field_rare[fields[f]] + distinct - shared[f] + 1.0)
        if value > likely[CANDIDATES - 1]:
            j = CANDIDATES - 1
            while j > 0 and likely[j - 1] < value:
                likely[j], best[j] = likely[j - 1], best[j - 1]
                j -= 1
            likely[j], best[j] = value, fields[f]
    return best


@njit(cache=True)
def long_grams_of(words, grams, end, keys):
    """A hash table of the upper halves of the kept 5-grams of the first `end` words, and how many there are."""
    size, count = 8, 0
    while size < end + 8:
        size *= 2
    table = np.full(size, -1, np.int64)
    for i in range(end - 4):
        if grams[i + 2] & U(1) == U(0):
            half = np.int64(siphash(words, i, 5, keys[2], keys[3]) >> U(33))
            s = slot(table, size, half)
            count += table[s] == -1
            table[s] = half
    return table, count
