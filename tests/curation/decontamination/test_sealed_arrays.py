"""What a registry's file tells without its key beside fingerprints: no vectors to search by, no lengths to compare."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from curation.decontamination import normalise
from curation.decontamination.registry import Registry
from curation.decontamination.words import building
from tests.support import attacker

KEY = b"thirty-two bytes that nobody has"
DIMENSIONS = 64
Vectors = NDArray[np.float32]


class Words:
    """A small model that the attacker has too: a text's vector is the sum of the vectors of its words."""

    name, revision, dimensions = "words", "1", DIMENSIONS
    identity = {"name": name, "revision": revision, "dimensions": dimensions}

    def encode(self, texts: Sequence[str]) -> Vectors:
        sums = [sum((self.word(word) for word in normalise.words(text)), np.zeros(DIMENSIONS)) for text in texts]
        return np.array([total / max(1e-9, np.linalg.norm(total)) for total in sums], np.float32).reshape(
            -1, DIMENSIONS
        )

    def word(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(DIMENSIONS)


@dataclass
class Stolen:
    """The file, and what is in it for whoever has the key."""

    file: bytes
    opened: Registry
    texts: list[str]


@pytest.fixture(scope="module")
def stolen() -> Stolen:
    passages = attacker.passages()
    cut = [text[: 60 + 7 * number] for number, text in enumerate(passages[:30])]  # lengths as different as in life
    items = [(f"item-{number}", "secrets v1", text, "") for number, text in enumerate(cut)]
    file = Registry.build(items, KEY, passages[100:200], encoder=Words())  # type: ignore[arg-type]
    return Stolen(file, Registry.from_bytes(file, KEY), cut)


def nearest(data: bytes, guesses: Vectors) -> list[float]:
    """For each guess the cosine of the nearest unit vector that stands anywhere in the bytes, in any float format."""
    best = np.zeros(len(guesses))
    for kind in (np.float16, np.float32):
        size = np.dtype(kind).itemsize
        for offset in range(0, size, 2):
            with np.errstate(all="ignore"):
                numbers = np.frombuffer(data, kind, offset=offset, count=(len(data) - offset) // size)
                numbers = np.nan_to_num(numbers.astype(np.float64), nan=1e9, posinf=1e9, neginf=1e9).clip(-1e9, 1e9)
                rows = np.lib.stride_tricks.sliding_window_view(numbers, DIMENSIONS)
                units = rows[np.abs(np.einsum("ij,ij->i", rows, rows) - 1) < 0.02]
                cosines = units @ guesses.T.astype(np.float64) if len(units) else np.zeros((1, len(guesses)))
            best = np.maximum(best, cosines.max(axis=0))
    return best.tolist()


def test_the_right_guess_finds_its_vector_only_for_whoever_has_the_key(stolen: Stolen) -> None:
    guesses = Words().encode([normalise.strong(text) for text in stolen.texts])
    unsealed = b"".join(array.tobytes() for array in stolen.opened.arrays.values())
    assert np.mean(np.array(nearest(unsealed, guesses)) > 0.95) > 0.9
    assert max(nearest(stolen.file, guesses)) < 0.7


def test_lengths_that_would_pick_an_item_out_of_a_list_are_sealed(stolen: Stolen) -> None:
    lengths = [len(normalise.words(text)) for text in stolen.texts]
    arrays = stolen.opened.arrays
    assert set(lengths) <= set(arrays["field_words"].tolist())
    for name, array in arrays.items():
        if name in building.SEALED_ARRAYS or name == "meaning_vectors":
            assert stolen.opened.header["arrays"][name]["sealed"]
            assert len(array) == 0 or array.tobytes() not in stolen.file


def test_the_header_says_nothing_of_single_items(stolen: Stolen) -> None:
    header = stolen.opened.header
    per_item = [name for name, value in header.items() if isinstance(value, list) and len(value) >= len(stolen.texts)]
    assert per_item == []
    assert not {word for text in stolen.texts for word in normalise.words(text) if len(word) > 9} & set(
        normalise.words(str({name: value for name, value in header.items() if name != "parameters"}))
    )
