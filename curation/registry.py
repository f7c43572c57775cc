"""The registry of protected items: one immutable file an epoch, keyed fingerprints and numbers, never text.

Layout: `CFTREG01`, the length of a JSON header (8 bytes, little-endian), the header, then the arrays it names, each
aligned to 64 bytes. The header says the normaliser, the parameters, a fingerprint of the key (so that a wrong key is
refused, not silently blind) and the SHA-256 of all arrays. A file is opened by mmap: workers share its pages.
"""

import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from curation import normalise
from curation import overlap as ov
from curation.building import Item, build_arrays
from curation.overlap import Hasher, Overlap, Span

MAGIC = b"CFTREG01"
FORMAT = 1
ALIGNMENT = 64

QUESTION, ANSWER, WHOLE = range(3)


class BadRegistry(ValueError):
    """The file is no registry, is damaged, or was made with another key or normaliser."""


class Registry:
    """An opened snapshot. `number` is its epoch, where it has one."""

    def __init__(self, data: bytes | mmap.mmap, key: bytes, number: int = 0) -> None:
        self.number = number
        self.header = read_header(data)
        self._hasher = Hasher(key)
        if self.header["key_check"] != f"{self._hasher.of('check', ['registry']):016x}":
            raise BadRegistry("This registry was made with another key: set CFT_REGISTRY_KEY to the key of its epoch.")
        if self.header["normaliser"] != normalise.VERSION:
            raise BadRegistry(
                f"This registry was made by the normaliser {self.header['normaliser']}, this program has"
                f" {normalise.VERSION}: publish a new epoch."
            )
        arrays = {name: array_at(data, *place) for name, place in self.header["arrays"].items()}
        self._a: dict[str, Any] = arrays
        self._widths = np.maximum(ov.WINDOW_LEAST, np.ceil(ov.WINDOW_SLACK * arrays["field_words"])).astype(np.int64)

    @staticmethod
    def build(items: Iterable[Item], key: bytes, background: Iterable[str] = ()) -> bytes:
        """The bytes of a registry of `items` (id, benchmark, question, answer).

        `background`: texts of the same kind that are certainly clean; n-grams common in them carry no weight. Take it
        from a frozen reference, never from the stream that is screened: a repeated leak would make itself common.
        """
        hasher = Hasher(key)
        arrays, facts = build_arrays(list(items), hasher, background)
        header = {
            "format": FORMAT,
            "normaliser": normalise.VERSION,
            "key_check": f"{hasher.of('check', ['registry']):016x}",
            "parameters": {
                "gram": ov.GRAM,
                "long_gram": ov.LONG_GRAM,
                "containment_limit": ov.CONTAINMENT_LIMIT,
                "jaccard_limit": ov.JACCARD_LIMIT,
                "kept": "half (h mod 2)",
            },
            **facts,
        }
        return encode(header, arrays)

    @classmethod
    def open(cls, path: str | os.PathLike[str], key: bytes, number: int = 0) -> "Registry":
        """Map a registry file. Raises BadRegistry for a damaged one and for a wrong key."""
        with open(path, "rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), key, number)

    @classmethod
    def from_bytes(cls, data: bytes, key: bytes, number: int = 0) -> "Registry":
        return cls(data, key, number)

    def __len__(self) -> int:
        return int(self.header["items"])

    @property
    def unprotected(self) -> list[str]:
        """Ids of items without enough rare n-grams: found when copied word for word, not when reworded."""
        return list(self.header["unprotected"])

    def check(self, prompt: str, answer: str = "") -> Overlap:
        """Compare a row with every item; the strongest match, with the row's own matching spans."""
        row = Row(prompt, answer, self._hasher)
        scores: dict[str, float] = {}
        for method in (self._exact, self._sequence, self._containment, self._jaccard):
            found = method(row, scores)
            if found is not None:
                return self._evidence(row, *found, scores)
        share = scores.get("containment", 0.0)
        return Overlap(min(share, ov.CONTAINMENT_LIMIT - 1e-6), ov.CONTAINMENT_LIMIT, "containment", scores=scores)

    def _exact(self, row: "Row", scores: dict[str, float]) -> "Match | None":
        """The prompt, the answer or both are a field of an item, word for word."""
        parts = [(0, row.prompt_words), (row.prompt_words, len(row.words)), (0, len(row.words))]
        ranges = [(start, end) for start, end in parts if end > start]
        hashes = [self._hasher.of("exact", row.words[start:end]) for start, end in ranges]
        at = ov.lookup(self._a["exact_keys"], np.array(hashes, np.uint64))
        for i in np.flatnonzero(at >= 0):
            scores["exact"] = 1.0
            return "exact", 1.0, 1.0, int(self._a["exact_field"][at[i]]), [ranges[i]]
        scores["exact"] = 0.0
        return None

    def _sequence(self, row: "Row", scores: dict[str, float]) -> "Match | None":
        """A field too short or too common for weighted n-grams stands in the row, word for word."""
        starts = ov.lookup(self._a["anchor_keys"], row.anchors())
        for position in np.flatnonzero(starts >= 0):
            lengths, _ = ov.expand(self._a["anchor_start"], starts[position : position + 1])
            for length in self._a["anchor_length"][lengths]:
                run = row.words[position : position + length]
                at = ov.lookup(self._a["exact_keys"], np.array([self._hasher.of("exact", run)], np.uint64))
                if len(run) == length and at[0] >= 0:
                    matched = [(int(position), int(position + length))]
                    return "sequence", 1.0, 1.0, int(self._a["exact_field"][at[0]]), matched
        return None

    def _containment(self, row: "Row", scores: dict[str, float]) -> "Match | None":
        grams = row.grams(ov.GRAM)
        at = ov.lookup(self._a["gram_keys"], grams)
        positions = np.flatnonzero(at >= 0)
        flat, owner = ov.expand(self._a["gram_start"], at[positions])
        fields, rows = self._a["gram_field"][flat].astype(np.int64), positions[owner]
        best: tuple[float, int, list[int]] = (0.0, -1, [])
        if len(fields):
            weights = self._a["gram_idf"][at[rows]]
            masses = self._a["field_mass"]
            for number, hit in ov.containments(fields, rows, at[rows], weights, masses, self._widths):
                if hit.positions and hit.share > best[0]:
                    best = (hit.share, number, hit.positions)
        share, number, matched = best
        scores["containment"] = round(min(share, 1.0), 4)
        if share < ov.CONTAINMENT_LIMIT:
            return None
        return "containment", share, ov.CONTAINMENT_LIMIT, number, [(p, p + ov.GRAM) for p in matched]

    def _jaccard(self, row: "Row", scores: dict[str, float]) -> "Match | None":
        """Word 5-grams of the prompt against questions, and of the whole row against whole items."""
        grams = row.grams(ov.LONG_GRAM)
        best: tuple[float, int] = (0.0, -1)
        for kind, end in ((QUESTION, row.prompt_words), (WHOLE, len(row.words))):
            own = grams[: max(0, end - ov.LONG_GRAM + 1)]
            own = np.unique(own[ov.kept(own)])
            at = ov.lookup(self._a["long_keys"], own)
            flat, _ = ov.expand(self._a["long_start"], at[at >= 0])
            fields, shared = np.unique(self._a["long_field"][flat], return_counts=True)
            right = self._a["field_kind"][fields] == kind
            fields, shared = fields[right], shared[right]
            values = ov.jaccard(shared, self._a["field_long"][fields].astype(np.int64), len(own))
            if len(values) and values.max() > best[0]:
                best = (float(values.max()), int(fields[values.argmax()]))
        scores["jaccard"] = round(best[0], 4)
        if best[0] < ov.JACCARD_LIMIT:
            return None
        return "jaccard", best[0], ov.JACCARD_LIMIT, best[1], [(0, len(row.words))]

    def _evidence(
        self,
        row: "Row",
        method: str,
        score: float,
        limit: float,
        number: int,
        ranges: list[tuple[int, int]],
        scores: dict[str, float],
    ) -> Overlap:
        item = int(self._a["field_item"][number])
        return Overlap(
            score=round(min(score, 1.0), 4),
            limit=limit,
            method=method,
            item_id=bytes(self._a["item_id"][item]).decode(),
            benchmark=self.header["benchmarks"][int(self._a["item_benchmark"][item])],
            spans=row.spans(ov.merged(ranges)),
            scores=scores,
        )


Match = tuple[str, float, float, int, list[tuple[int, int]]]
"""Method, score, limit, field number, and the ranges of the row's words that matched."""


class Row:
    """One row's words and fingerprints, made when first asked for."""

    def __init__(self, prompt: str, answer: str, hasher: Hasher) -> None:
        self._texts = (("prompt", prompt), ("answer", answer))
        first = normalise.words(prompt)
        self.prompt_words = len(first)
        self.words = first + normalise.words(answer)
        self._hasher = hasher
        self._grams: dict[int, ov.Hashes] = {}

    def grams(self, n: int) -> ov.Hashes:
        if n not in self._grams:
            self._grams[n] = self._hasher.grams(self.words, n)
        return self._grams[n]

    def anchors(self) -> ov.Hashes:
        """3-grams by position: the first words of short fields are looked up among them."""
        return self.grams(ov.GRAM)

    def spans(self, ranges: Iterable[tuple[int, int]]) -> list[Span]:
        """Ranges of word numbers as ranges of characters of the prompt and of the answer."""
        places = [
            (part, start, end) for part, text in self._texts for _, start, end in normalise.words_with_spans(text)
        ]
        found = []
        for first, last in ranges:
            for part in ("prompt", "answer"):
                inside = [place for place in places[first:last] if place[0] == part]
                if inside:
                    found.append(Span(part, inside[0][1], inside[-1][2]))
        return found


def encode(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """A registry file: the header says where each array lies behind it."""
    places: dict[str, tuple[str, int, int]] = {}
    payload = bytearray()
    for name, array in arrays.items():
        payload += b"\0" * (-len(payload) % ALIGNMENT)
        places[name] = (array.dtype.str, len(array), len(payload))
        payload += array.tobytes()
    whole = {**header, "arrays": places, "sha256": hashlib.sha256(payload).hexdigest()}
    text = json.dumps(whole, sort_keys=True).encode()
    text += b" " * (-(len(MAGIC) + 8 + len(text)) % ALIGNMENT)
    return MAGIC + len(text).to_bytes(8, "little") + text + bytes(payload)


def read_header(data: bytes | mmap.mmap) -> dict[str, Any]:
    """The header, once the arrays are known to be the ones that were written."""
    if data[: len(MAGIC)] != MAGIC:
        raise BadRegistry("This is no registry file: it does not begin with CFTREG01.")
    start = len(MAGIC) + 8
    end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    try:
        header: dict[str, Any] = json.loads(data[start:end])
    except ValueError as problem:
        raise BadRegistry("The registry's header is damaged.") from problem
    header["arrays"] = {name: (kind, count, end + at) for name, (kind, count, at) in header["arrays"].items()}
    if hashlib.sha256(memoryview(data)[end:]).hexdigest() != header["sha256"]:
        raise BadRegistry("The registry is damaged: its arrays do not have the hash that its header names.")
    return header


def array_at(data: bytes | mmap.mmap, kind: str, count: int, at: int) -> np.ndarray:
    return np.frombuffer(data, dtype=np.dtype(kind), count=count, offset=at)


# --- the current epoch, for the screener ------------------------------------------------------------------------------
_opened: dict[tuple[int, str], Registry] = {}


def current() -> Registry | None:
    """The current epoch's snapshot, opened; None before the first. Only screener and evaluator can read it.

    The epoch decides, not the newest snapshot in the vault: one whose import was killed before its epoch was adopted
    would otherwise leave every row screened under an epoch that does not exist.
    Its bytes are kept in CFT_VAR/registry, readable by this user only; one opened epoch is kept in memory.
    """
    from django.conf import settings

    from curation.models import RegistryEpoch

    if not settings.CFT_REGISTRY_KEY:
        raise BadRegistry("CFT_REGISTRY_KEY is not set in this process: only the screener and the evaluator hold it.")
    epoch = RegistryEpoch.objects.current()
    if epoch is None:
        return None
    number, sha256 = epoch.number, epoch.sha256
    if (number, sha256) not in _opened:
        path = Path(settings.CFT_VAR) / "registry" / f"{number:06d}-{sha256[:16]}.cftreg"
        if not is_whole(path, sha256):
            write_privately(path, content_of(number))
        if not is_whole(path, sha256):
            raise BadRegistry(f"Epoch {number} in the vault does not have the SHA-256 it was adopted with.")
        _opened.clear()
        _opened[number, sha256] = Registry.open(path, settings.CFT_REGISTRY_KEY, number)
    return _opened[number, sha256]


def content_of(number: int) -> bytes:
    """A snapshot's bytes, from the vault."""
    from django.db import connections

    with connections["vault"].cursor() as cursor:
        cursor.execute("SELECT content FROM vault_registrysnapshot WHERE number = %s", [number])
        row = cursor.fetchone()
    if row is None:
        raise BadRegistry(f"Epoch {number} was adopted, but its registry is not in the vault. Restore the vault.")
    return bytes(row[0])


def is_whole(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def write_privately(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in a folder of mode 0700, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(temporary, path)
