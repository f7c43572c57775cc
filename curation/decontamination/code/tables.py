"""The structure of code in a registry: tables of its own, made and read as those of texts, under keys of its own.

A field (the question, the answer or the whole of an item, as far as they are code) with enough rare n-grams is found by
the share of them in one window; a shorter one of at least LEAST_WORDS words where it stands in a row without a gap,
unless several clean texts hold it. What is shorter still cannot be told from code that everybody writes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from curation.decontamination.code import structure
from curation.decontamination.overlap import Span
from curation.decontamination.scanning import (
    Row,
    batches,
    kernel_keys,
    scan_rows,
    tables_of,
    with_only,
    without_items,
)
from curation.decontamination.snapshot import Array, BadRegistry, derived
from curation.decontamination.words import building, runs, weights
from curation.decontamination.words.building import Item
from curation.decontamination.words.fingerprints import QUESTION, WHOLE

PREFIX = "code_"
SEALED_ARRAYS = tuple(PREFIX + name for name in (*building.SEALED_ARRAYS, "item"))
LEAST_WORDS = 16  # of a field that is found as a whole: 20 tokens
COMMON_FROM = 2  # clean texts that hold a whole field: then it is nobody's own

MOST_ROUNDS = 8  # of looking for those: of several in one text only the first is seen


class Found(NamedTuple):
    """What code of a row has in common with an item's: the share of the item's, and the item's number."""

    share: float
    item: int


def keys_of(key: bytes) -> Array:
    return kernel_keys(derived(key, "structure", 32))


# --- building ---------------------------------------------------------------------------------------------------------
class CodeBuild:
    """The tables of the items that hold code. `numbers`: the number in the registry of each (id, benchmark)."""

    def __init__(
        self, items: Iterable[Item], numbers: Mapping[tuple[str, str], int], background: Iterable[str], key: bytes
    ) -> None:
        self._keys = keys_of(key)
        texts = ((item, structure.of_item(*item[2:])) for item in items if item[:2] in numbers)
        holding = [(*item[:2], *own) for item, own in texts if any(own)]
        self._items, self._fields, self._parts = building.distinct_items(holding, self._keys)
        self._numbers = np.array([numbers[item[:2]] for item in self._items], np.int32)
        self._clean = [" ".join(found.words) for text in background if (found := structure.of(text))]

    def arrays(self, number: int, previous: Mapping[str, Array] | None) -> dict[str, Array]:
        """All arrays, their names with PREFIX. `previous`: those of the epoch before, of texts and of code."""
        background = weights.Background(self._clean, self._keys, self._parts)
        background.weigh(self._parts)
        protected = weights.protection(self._fields, self._parts)
        wholes = self.findable_as_wholes(protected.enough)
        arrays = building.assemble(self._fields, self._parts, protected) | self.anchors(wholes)
        building.add_since(arrays, self._fields, number, earlier(previous))
        building.add_exact_keys(arrays, self._fields)
        building.add_indexes(arrays)
        for _ in range(MOST_ROUNDS):
            common = self.common(tables_of(arrays))
            if not common.any():
                break
            wholes &= ~common
            arrays = building.add_indexes(arrays | self.anchors(wholes))
        self._told_apart = [bool(own.any()) for own in protected.enough | wholes]
        return {PREFIX + name: array for name, array in (arrays | {"item": self._numbers}).items()}

    def findable_as_wholes(self, enough: Array) -> Array:
        """The fields without enough rare n-grams that are long enough; a question alone is but a signature."""
        lengths = self._fields.lengths
        wholes = ~enough & (lengths >= LEAST_WORDS)
        wholes[:, QUESTION] &= lengths[:, WHOLE] == 0
        return wholes

    def anchors(self, wholes: Array) -> dict[str, Array]:
        from curation.decontamination.engine import layout

        return building.anchors(runs.whole(self._fields, wholes), layout.MOST_LENGTHS)

    def common(self, tables: Any) -> Array:
        """The fields that stand as a whole in several clean texts (a mask)."""
        from curation.decontamination.engine import layout

        times = np.zeros(self._fields.lengths.size, np.int64)
        for rows in batches([(text, "") for text in self._clean]):
            found = scan_rows(rows, self._keys, tables)[0][:, layout.RUN_FIELD]
            times += np.bincount(found[found >= 0], minlength=len(times))
        return np.isin(self._fields.prints, self._fields.prints.ravel()[times >= COMMON_FROM])

    def facts(self) -> dict[str, Any]:
        """What the header says: the languages that were read, items with code, and those that hold too little of it."""
        short = [item[0] for item, is_told in zip(self._items, self._told_apart, strict=True) if not is_told]
        return {
            "code_languages": structure.readable(),
            "code_items": len({item[:2] for item in self._items}),
            "code_too_short": sorted(set(short)),
        }


def earlier(previous: Mapping[str, Array] | None) -> dict[str, Array] | None:
    """The tables of code among the arrays of the epoch before."""
    arrays = {name.removeprefix(PREFIX): array for name, array in (previous or {}).items() if name.startswith(PREFIX)}
    return arrays or None


# --- comparing --------------------------------------------------------------------------------------------------------
class CodeTables:
    """The opened tables of a registry, and how the code of rows is compared with them."""

    def __init__(self, arrays: Mapping[str, Array], key: bytes, languages: Sequence[str]) -> None:
        missing = sorted(set(languages) - set(structure.readable()))
        if missing:
            raise BadRegistry(
                f"This registry compares code in {', '.join(missing)}, which this program cannot read: install the"
                " packages tree-sitter and tree-sitter-* that pyproject.toml names."
            )
        self._keys, self._arrays = keys_of(key), earlier(arrays) or {}
        self._tables = tables_of(self._arrays)

    def measure(self, rows: Sequence[Row], since: int = 0, without: Sequence[int] = ()) -> dict[int, Found]:
        """By row that holds code, the item that it has most in common with: first protected after `since`, and none of
        `without`.
        """
        from curation.decontamination.engine import layout

        read = {row: found for row, texts in enumerate(rows) if (found := code_of(texts))}
        measured: dict[int, Found] = {}
        waiting = iter(read)
        tables = without_items(self._tables, self._own(without)) if without else self._tables
        for batch in batches([(" ".join(found.words), "") for found in read.values()]):
            integers, floats = scan_rows(batch, self._keys, tables, since)
            for own, shares in zip(integers, floats, strict=True):
                whole = own[layout.RUN_FIELD]
                field = int(whole if whole >= 0 else own[layout.WINDOW_FIELD])
                share = 1.0 if whole >= 0 else min(float(shares[layout.SHARE]), 1.0)
                measured[next(waiting)] = Found(share, int(self._arrays["item"][field // 3]) if field >= 0 else -1)
        return measured

    def _own(self, items: Sequence[int]) -> list[int]:
        """The numbers in these tables of items of the registry."""
        return np.flatnonzero(np.isin(self._arrays["item"], list(items))).tolist()

    def spans(self, row: Row, items: range) -> Iterator[Span]:
        """The blocks of a row's code in which the match with these items stands."""
        from curation.decontamination.engine import layout

        found = code_of(row)
        if found is None:
            return
        trace, tables = np.empty(len(found.words), np.int64), with_only(self._tables, self._own(items))
        own = scan_rows([(" ".join(found.words), "")], self._keys, tables, 0, trace)[0][0]
        if own[layout.RUN_FIELD] >= 0:
            first, last = own[layout.RUN_START], own[layout.RUN_START] + own[layout.RUN_LENGTH]
        elif own[layout.TRACED] > 0:
            first, last = trace[0], trace[own[layout.TRACED] - 1] + 1
        else:
            return
        start, end = found.places(int(first), int(last))
        shift = len(row[0]) + 1 if row[0] else 0
        if start < len(row[0]):
            yield Span("prompt", start, min(end, len(row[0])))
        if end > shift and row[1]:
            yield Span("answer", max(0, start - shift), end - shift)


def code_of(row: Row) -> structure.Structure | None:
    """The structure of a row's code, prompt and answer as one text; most rows hold none, which costs nothing."""
    prompt, answer = row
    if "(" not in prompt and "(" not in answer:
        return None
    return structure.of(f"{prompt}\n{answer}" if prompt and answer else prompt or answer)
