"""What an attacker does with what they hold: a dictionary of n-grams under every hash they can guess, then chaining.

They know the code, a large background of the same kind of text, and where the items' beginnings may be found; they do
not hold the registry's key. Everything they hold is one heap of bytes: a fingerprint in it is found wherever it stands,
in whatever byte order, and also where it was written in hexadecimal or as a decimal number.
"""

import ast
import hashlib
import random
import re
import sys
import sysconfig
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.decontamination import normalise

Hashes = NDArray[np.uint64]
Gram = tuple[str, ...]
Fingerprint = Callable[[bytes], bytes]
Held = Callable[[Sequence[Gram]], Iterable[bool]]
"""Which of these n-grams are confirmed by what the attacker holds."""

HEX = re.compile(rb"[0-9a-fA-F]{16,}")
DECIMAL = re.compile(rb"\d{12,20}")
SEPARATORS = (b" ", b"\0", b"")


# --- texts ------------------------------------------------------------------------------------------------------------
def passages(words: int = 45, most: int = 3_000) -> list[str]:
    """Passages of the standard library's docstrings, in an order of no meaning."""
    folder = Path(sysconfig.get_path("stdlib"))
    found: list[str] = []
    for path in sorted(folder.glob("*.py")):
        text = " ".join(docstrings(path)).split()
        found += [" ".join(text[i : i + words]) for i in range(0, len(text) - words, words)]
    random.Random(7).shuffle(found)
    assert len(found) > 1_000, f"{sys.version} has too few docstrings in {folder}"
    return found[:most]


def docstrings(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield text


def grams(texts: Iterable[str], n: int) -> set[Gram]:
    """All runs of n normalised words."""
    found: set[Gram] = set()
    for text in texts:
        words = normalise.words(text)
        found.update(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    return found


# --- guesses ----------------------------------------------------------------------------------------------------------
UNKEYED: dict[str, Fingerprint] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
    "sha3-256": lambda data: hashlib.sha3_256(data).digest(),
    "blake2b": lambda data: hashlib.blake2b(data).digest(),
    "blake2b-64": lambda data: hashlib.blake2b(data, digest_size=8).digest(),
    "blake2s": lambda data: hashlib.blake2s(data).digest(),
    "crc32 twice": lambda data: zlib.crc32(data).to_bytes(4, "little") + zlib.crc32(data[::-1]).to_bytes(4, "little"),
}


def keyed(key: bytes) -> Fingerprint:
    """A plausible keyed hash, for keys that can be guessed."""
    return lambda data: hashlib.blake2b(data, key=key[:64], digest_size=8).digest()


def eight_bytes(digests: Sequence[bytes]) -> Hashes:
    """The first eight bytes of each digest, as a number."""
    return np.frombuffer(b"".join(digest[:8] for digest in digests), "<u8")


# --- what is held -----------------------------------------------------------------------------------------------------
class Heap:
    """Everything an attacker holds, searchable for eight bytes at any place."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.data = b"\n".join(pieces)
        decoded = [bytes.fromhex(run[: len(run) // 2 * 2].decode()) for run in HEX.findall(self.data)]
        numbers = [int(run) for run in DECIMAL.findall(self.data) if int(run) < 2**64]
        places = [windows(self.data), *map(windows, decoded), np.array(numbers, np.uint64)]
        self.hashes = np.unique(np.concatenate(places))

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Which of the hashes stand somewhere, in either byte order."""
        return self._has(hashes) | self._has(hashes.byteswap())

    def _has(self, hashes: Hashes) -> NDArray[np.bool_]:
        if not len(self.hashes):
            return np.zeros(len(hashes), bool)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return self.hashes[at] == hashes


def windows(data: bytes) -> Hashes:
    """The eight bytes at every offset, as numbers."""
    shifted = [np.frombuffer(data, "<u8", offset=i, count=(len(data) - i) // 8) for i in range(min(8, len(data)))]
    return np.concatenate([np.zeros(0, np.uint64), *shifted])


# --- the attack -------------------------------------------------------------------------------------------------------
def dictionary(heap: Heap, candidates: Sequence[Gram], keys: Iterable[bytes] = ()) -> set[Gram]:
    """Candidates whose fingerprint, under any hash that could be guessed, stands in the heap."""
    found: set[Gram] = set()
    for separator in SEPARATORS:
        texts = [separator.join(word.encode() for word in gram) for gram in candidates]
        for guess in [*UNKEYED.values(), *(keyed(key) for key in keys if separator == b" ")]:
            held = heap.holds(eight_bytes([guess(text) for text in texts]))
            found.update(candidates[i] for i in np.flatnonzero(held))
    return found


def in_heap(heap: Heap, guess: Fingerprint) -> Held:
    """Confirmed, if the guess is how the fingerprints in the heap were made."""
    return lambda grams: heap.holds(eight_bytes([guess(" ".join(gram).encode()) for gram in grams])).tolist()


def chain(held: Held, seeds: Iterable[Gram], vocabulary: Sequence[str], budget: int) -> set[Gram]:
    """Extend known runs word by word: a next word is confirmed if the n-gram that ends in it is held.

    At most `budget` guesses. Returns the n-grams confirmed beyond the seeds.
    """
    found: set[Gram] = set()
    waiting, seen = list(seeds), set(seeds)
    while waiting and budget > 0:
        known = waiting.pop()
        longer = [(*known[1:], word) for word in vocabulary]
        for gram, confirmed in zip(longer, held(longer), strict=True):
            if confirmed and gram not in seen:
                seen.add(gram)
                found.add(gram)
                waiting.append(gram)
        budget -= len(vocabulary)
    return found


def scattered(gram: Gram) -> bytes:
    """An order of no meaning, the same each time."""
    return hashlib.sha256(" ".join(gram).encode()).digest()


@dataclass
class Exam:
    """Passages: the secret ones, and the public ones that an attacker has."""

    secret: list[str]
    public: list[str]

    def grams(self, n: int) -> set[Gram]:
        return grams(self.secret, n)

    def guesses(self, n: int, most: int = 25_000) -> list[Gram]:
        """The attacker's dictionary."""
        return sorted(grams(self.public, n), key=scattered)[:most]

    @property
    def beginnings(self) -> list[Gram]:
        """An attacker may even know how every item begins."""
        return [tuple(normalise.words(text)[:5]) for text in self.secret]


def vocabulary_of(texts: Iterable[str], most: int = 4_000) -> list[str]:
    """The commonest words of a background."""
    counts: dict[str, int] = defaultdict(int)
    for text in texts:
        for word in normalise.words(text):
            counts[word] += 1
    return sorted(counts, key=lambda word: -counts[word])[:most]
