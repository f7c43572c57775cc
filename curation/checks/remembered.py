"""What was worked out about a text lately, by a hash of the text: many rows carry the same ones."""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

MOST = 16_384
V = TypeVar("V")


class Remembered(Generic[V]):
    """The last results, at most MOST, the least recently used forgotten first. Thread-safe; holds no text."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._results, self._lock = most, OrderedDict[Hashable, V](), Lock()

    def get(self, key: Hashable) -> V | None:
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key]

    def keep(self, key: Hashable, result: V) -> None:
        with self._lock:
            self._results[key] = result
            self._results.move_to_end(key)
            while len(self._results) > self._most:
                self._results.popitem(last=False)


def digest(text: str) -> bytes:
    """Tells a text from every other one."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
