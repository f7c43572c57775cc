"""A file of vectors that were made earlier, so that texts which never change are not embedded again and again.

An .npz of `keys` (a hash of each text), `vectors` (float16: a cosine changes by less than .0001) and `about` (JSON: the
encoder's identity, the SHA-256 of its weights, and that of the two arrays). No text is in it; a vector tells a good
deal of its text, though: store those of public texts only.
"""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.decontamination.engine.encoder import Encoder, key_of


def write(file: Path, encoder: Encoder, texts: Sequence[str]) -> int:
    """Embed the texts, each once, and write their vectors; returns how many there are."""
    known = {key_of(text): text for text in texts}
    keys = np.array([np.frombuffer(key, np.uint8) for key in sorted(known)])
    vectors = encoder.encode([known[key] for key in sorted(known)]).astype(np.float16)
    about = {**encoder.identity, "weights": encoder.weights_sha256(), "sha256": digest(keys, vectors)}
    text = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
    with file.open("wb") as stream:
        np.savez(stream, about=text, keys=keys, vectors=vectors)
    return len(vectors)


def preload(file: Path, encoder: Encoder) -> int:
    """Fill the encoder's cache from a file, if it made that; returns how many vectors, 0 where another model did.

    A file that is missing or damaged gives none either: the texts are embedded then, which takes longer.
    """
    try:
        about, keys, vectors = read(file)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0
    weights = encoder.weights_sha256()
    if not weights or (about["name"], about["weights"]) != (encoder.name, weights):
        return 0
    rows = vectors.astype(np.float32)
    encoder.preload(about, {key.tobytes(): row for key, row in zip(keys, rows, strict=True)})
    return len(rows)


def read(file: Path) -> tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.float16]]:
    """What a file says about itself, its keys and its vectors. Raises ValueError where it is damaged."""
    with np.load(file, allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        keys, vectors = stored["keys"], stored["vectors"]
    if about["sha256"] != digest(keys, vectors):
        raise ValueError(f"{file} is damaged")
    return about, keys, vectors


def digest(keys: NDArray[np.uint8], vectors: NDArray[np.float16]) -> str:
    return hashlib.sha256(keys.tobytes() + vectors.tobytes()).hexdigest()
