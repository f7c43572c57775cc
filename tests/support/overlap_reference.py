"""What the compiled kernel computes, in plain Python from the definitions: slow, and easy to check by reading."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from curation.decontamination.engine.layout import FLOOR, MIN_COVERED, MIN_HITS

MASK = 2**64 - 1


def siphash(data: bytes, k0: int, k1: int) -> int:
    """SipHash-2-4 of bytes."""
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    padded = data + b"\0" * (7 - len(data) % 8) + bytes([len(data) % 256])
    for at in range(0, len(padded), 8):
        block = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= block
        sip_rounds(v, 2)
        v[0] ^= block
    v[2] ^= 0xFF
    sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sip_rounds(v: list[int], rounds: int) -> None:
    def turned(x: int, by: int) -> int:
        return (x << by | x >> 64 - by) & MASK

    for _ in range(rounds):
        v[0] = v[0] + v[1] & MASK
        v[1] = turned(v[1], 13) ^ v[0]
        v[0] = turned(v[0], 32)
        v[2] = v[2] + v[3] & MASK
        v[3] = turned(v[3], 16) ^ v[2]
        v[0] = v[0] + v[3] & MASK
        v[3] = turned(v[3], 21) ^ v[0]
        v[2] = v[2] + v[1] & MASK
        v[1] = turned(v[1], 17) ^ v[2]
        v[2] = turned(v[2], 32)


def word_hash(word: str, seed: int) -> int:
    h = seed
    for byte in word.encode():
        h = (h ^ byte) * 0x9E3779B97F4A7C15 & MASK
    h ^= h >> 32
    return h & ~1 | all("0" <= letter <= "9" for letter in word)  # the lowest bit: whether it is a number


def grams(words: Sequence[str], n: int, keys: Sequence[int]) -> list[int]:
    """Fingerprint of each run of n words (3 or 5), by position."""
    first = 0 if n == 3 else 2
    hashes = [word_hash(word, keys[6]).to_bytes(8, "little") for word in words]
    runs = (b"".join(hashes[i : i + n]) for i in range(len(words) - n + 1))
    return [siphash(run, keys[first], keys[first + 1]) for run in runs]


def kept(hashes: Sequence[int]) -> set[int]:
    return {h for h in hashes if h % 2 == 0}


def kept_long(words: Sequence[str], keys: Sequence[int]) -> set[int]:
    """Of word 5-grams those whose last 3-gram is kept, as they are stored: 31 bits."""
    last = grams(words, 3, keys)[2:]
    return {h >> 33 for h, short in zip(grams(words, 5, keys), last, strict=True) if short % 2 == 0}


def best_share(
    hashes: Sequence[int], weights: dict[int, float], mass: float, field_words: int
) -> tuple[float, list[int]]:
    """The largest share of a field's weight within one window of a row, and where its n-grams stand."""
    width = max(40, math.ceil(1.3 * field_words))
    places = [i for i, h in enumerate(hashes) if h in weights]
    best: tuple[float, list[int]] = (0.0, [])
    for last in places:
        inside = [i for i in places if last - width < i <= last]
        weight = sum(weights[h] for h in {hashes[i] for i in inside})
        if weight > best[0] + 1e-9:
            best = weight, inside
    covered = {word for i in best[1] for word in (i, i + 1, i + 2)}
    enough = len({hashes[i] for i in best[1]}) >= MIN_HITS and best[0] / mass >= FLOOR
    return (best[0] / mass, best[1]) if enough and len(covered) >= min(MIN_COVERED, field_words - 2) else (0.0, [])


def fields(arrays: dict[str, Any]) -> Iterator[tuple[int, dict[int, float], float, int]]:
    """Of an opened registry: the number, the n-grams with weights, the mass and the words of each protected field."""
    holders: dict[int, dict[int, float]] = {}
    starts = arrays["gram_start"].tolist()
    for g, key in enumerate(arrays["gram_keys"].tolist()):
        for entry in arrays["gram_post"][starts[g] : starts[g + 1]].tolist():
            for kind in range(3):
                if entry >> kind & 1 and arrays["gram_idf"][g] > 0:
                    holders.setdefault(3 * (entry >> 3) + kind, {})[key] = float(arrays["gram_idf"][g])
    for number, weights in holders.items():
        mass = float(arrays["field_mass"][number])
        if math.isfinite(mass):
            yield number, weights, mass, int(arrays["field_words"][number])
