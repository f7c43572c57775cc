"""The words of rows beside those of items: every measure of a row, whose it is, and where it stands.

A match whose numbers are not its item's is of the same template. What else the row holds of the item is then left out
and the rest is compared again: a piece of a real item beside a problem of a template is found all the same.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from curation.decontamination import overlap
from curation.decontamination.overlap import Span
from curation.decontamination.scanning import (
    Placed,
    Row,
    item_places,
    scan_rows,
    window_of,
    with_only,
    without_items,
)
from curation.decontamination.snapshot import Array
from curation.decontamination.words import numbers
from curation.decontamination.words.numbers import ItemNumbers

CLEAN_SCORES = {"exact": 0.0, "sequence": 0.0, "containment": 0.0, "jaccard": 0.0, "template": 0.0}
MOST_TEMPLATES = 8  # problems of templates in one row that are left out, one after the other
LEAST_GRAMS, LEAST_WORDS = 3, 6  # of an item found by others of its words: a shorter piece beside them is a phrase


class Best(NamedTuple):
    """The window with the largest share of a field (3 * item + kind; -1 for none)."""

    share: float
    field: int


@dataclass(frozen=True)
class Shared:
    """What the words of a row have in common with items: every measure, and by measure the field that it is of.

    `compared`: the row in which the window of containment stands, word by word as long as the row itself.
    """

    scores: dict[str, float]
    fields: Mapping[str, int]
    compared: Row

    def item(self, method: str) -> int:
        return self.fields[method] // 3


class Words:
    """The n-grams of an opened registry, and how rows are compared with them."""

    def __init__(self, keys: Array, tables: Any, arrays: Mapping[str, Array], key: bytes) -> None:
        self._keys, self._tables, self._ids = keys, tables, arrays["item_id"]
        self._has_grams = np.isfinite(arrays["field_mass"])
        self._numbers = ItemNumbers(arrays, key)

    def measure(
        self, rows: Sequence[Row], limit: float, since: int = 0, without: Sequence[int] = ()
    ) -> dict[int, Shared]:
        """By row that shares anything with an item (first protected after `since`, none of `without`), what it is.

        `limit`: the containment that is a match. Then a run of words says nothing more of a field with enough n-grams.
        """
        from curation.decontamination.engine import layout

        tables = without_items(self._tables, without) if without else self._tables
        integers, floats = scan_rows(rows, self._keys, tables, since)
        shared = (integers[:, (layout.EXACT_FIELD, layout.RUN_FIELD)] >= 0).any(axis=1) | (floats > 0).any(axis=1)
        return {
            row: self._shared(rows[row], integers[row], floats[row], limit, tables, since)
            for row in np.flatnonzero(shared).tolist()
        }

    def parts_beside(self, item: int) -> range:
        """The numbers of an item and its parts, which stand beside each other."""
        first, last = item, item
        while first and self._ids[first - 1] == self._ids[item]:
            first -= 1
        while last + 1 < len(self._ids) and self._ids[last + 1] == self._ids[item]:
            last += 1
        return range(first, last + 1)

    def _shared(self, row: Row, integers: Array, floats: Array, limit: float, tables: Any, since: int) -> Shared:
        from curation.decontamination.engine import layout

        best, template, compared = best_of(integers, floats), Best(0.0, -1), row
        placed = Placed(row)
        if self._is_template(placed, row, best, tables, since):
            template, (compared, best) = best, self._beside_templates(placed, best, tables, since)
        run = int(integers[layout.RUN_FIELD])
        scores = {
            "exact": float(integers[layout.EXACT_FIELD] >= 0),
            "sequence": float(run >= 0 and not (self._has_grams[run] and best.share >= limit)),
            "containment": round(best.share, 4),
            "jaccard": round(float(floats[layout.JACCARD]), 4),
            "template": round(template.share, 4),
        }
        fields = {
            "exact": int(integers[layout.EXACT_FIELD]),
            "sequence": run,
            "containment": best.field,
            "jaccard": int(integers[layout.JACCARD_FIELD]),
            "template": template.field,
        }
        return Shared(scores, fields, compared)

    # --- numbers ------------------------------------------------------------------------------------------------------
    def _is_template(self, placed: Placed, compared: Row, best: Best, tables: Any, since: int) -> bool:
        """Whether the part of a row that matches its item has other numbers than the item."""
        if not numbers.CHECKED_FROM <= best.share < numbers.PROOF_FROM or not any(map(numbers.HAS_NUMBER, placed.row)):
            return False
        window = window_of(compared, self._keys, tables, since)
        matched = placed.text(window[0], window[-1] + overlap.GRAM) if window else ""
        return self._numbers.contradict(best.field, matched, "\n".join(compared))

    def _beside_templates(self, placed: Placed, best: Best, tables: Any, since: int) -> tuple[Row, Best]:
        """What is left of a row without the words of the items whose template it has, and the best match of that."""
        taken, compared = list[tuple[int, int]](), placed.row
        for _ in range(MOST_TEMPLATES):
            window = window_of(compared, self._keys, tables, since)
            grams, _ = item_places(compared, self._keys, self._tables, self.parts_beside(best.field // 3))
            taken += [(window[0], window[-1] + overlap.GRAM), *overlap.merge_ranges(gram_ranges(grams))]
            compared = placed.without(taken)
            integers, floats = scan_rows([compared], self._keys, tables, since)
            best = best_of(integers[0], floats[0])
            if not self._is_template(placed, compared, best, tables, since):
                return compared, best
        return compared, Best(0.0, -1)

    # --- places -------------------------------------------------------------------------------------------------------
    def spans(self, placed: Placed, method: str, shared: Shared, items: range) -> Iterator[Span]:
        """Where a match of these items (one, with its parts) stands: its window, and all else of theirs in the row."""
        ranges = [(0, len(placed))] if method == "jaccard" else self._everywhere(placed.row, items)
        if method in ("containment", "template"):
            compared = shared.compared if method == "containment" else placed.row
            ranges += gram_ranges(window_of(compared, self._keys, with_only(self._tables, items)))
        yield from placed.spans(overlap.merge_ranges(ranges))

    def _everywhere(self, row: Row, items: range) -> list[tuple[int, int]]:
        """Every field that stands in a row word for word, and every stretch with enough n-grams, in words."""
        grams, fields = item_places(row, self._keys, self._tables, items)
        for start, end in overlap.merge_ranges(gram_ranges(grams)):
            if end - start >= LEAST_WORDS and bisect_left(grams, end) - bisect_left(grams, start) >= LEAST_GRAMS:
                fields.append((start, end))
        return fields


def best_of(integers: Array, floats: Array) -> Best:
    from curation.decontamination.engine import layout

    return Best(min(float(floats[layout.SHARE]), 1.0), int(integers[layout.WINDOW_FIELD]))


def gram_ranges(places: Sequence[int]) -> list[tuple[int, int]]:
    return [(place, place + overlap.GRAM) for place in places]
