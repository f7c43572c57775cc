"""Which items share a passage: what several of them hold because they ask about one text is content, not a template.

An n-gram that many items of a benchmark hold is their template and weighs nothing (`overlap.COMMON_IN_REGISTRY`). Items
that ask about the same passage are one family and count once, and so are the parts of one item. A paragraph that most
items of a benchmark hold is its instruction, and stays a template.
"""

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from curation.decontamination.snapshot import Array

LEAST_WORDS = 25  # of a passage
MOST_SIBLINGS = 32  # items that one passage makes a family

Item = tuple[str, str, str, str]
Key = TypeVar("Key", bound=Hashable)


def families_of(items: Sequence[Item]) -> Array:
    """For each item (id, benchmark, question, answer) the number of its family, (n,) int64, in order of appearance."""
    parents = list(range(len(items)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = place = parents[parents[place]]
        return place

    def join(places: Sequence[int]) -> None:
        for place in places[1:]:
            first, second = sorted((root(places[0]), root(place)))
            parents[second] = first

    for places in by_key((item[1], item[0]) for item in items).values():
        join(places)
    sizes = {name: len({items[i][0] for i in places}) for name, places in by_key(item[1] for item in items).items()}
    for (benchmark, _), places in passages_of(items).items():
        siblings = len({items[i][0] for i in places})
        if 1 < siblings <= MOST_SIBLINGS and 2 * siblings < sizes[benchmark]:
            join(places)
    return np.array([root(place) for place in range(len(items))], np.int64)


def by_key(keys: Iterable[Key]) -> dict[Key, list[int]]:
    """The places of equal keys."""
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return places


def passages_of(items: Sequence[Item]) -> dict[tuple[str, bytes], list[int]]:
    """The items that hold each paragraph of some length, by benchmark and hash."""
    places: dict[tuple[str, bytes], list[int]] = {}
    for place, (_, benchmark, question, answer) in enumerate(items):
        for paragraph in (*question.split("\n"), *answer.split("\n")):
            words = paragraph.lower().split()
            if len(words) >= LEAST_WORDS:
                text = " ".join(words).encode("utf-8", "surrogatepass")
                places.setdefault((benchmark, hashlib.blake2b(text, digest_size=16).digest()), []).append(place)
    return places
