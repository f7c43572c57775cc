"""A registry in the making: items with their parts, and what their n-grams weigh against the clean reference."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curation.decontamination import overlap
from curation.decontamination.overlap import Policy
from curation.decontamination.parts import fields
from curation.decontamination.scanning import batches, kernel_keys, scan_rows, tables_of
from curation.decontamination.snapshot import Array
from curation.decontamination.words import building, runs, weights
from curation.decontamination.words.building import Item
from curation.decontamination.words.fingerprints import Fields
from curation.decontamination.words.runs import Runs
from curation.decontamination.words.weights import Protection


class Build:
    """A registry in the making: the fingerprints of the items and what their n-grams weigh against the background."""

    def __init__(self, items: Sequence[Item], background: Sequence[str], key: bytes, policy: Policy) -> None:
        self._keys, self._policy = kernel_keys(key), policy
        texts = [(*item[:2], *text) for item in items for text in fields.texts_of(*item[2:])]
        given = set(items)
        self.items, self._fields, self._parts = building.distinct_items(texts, self._keys, given)
        self._is_part = np.array([item not in given for item in self.items], bool)
        self.wholes: list[int] = np.flatnonzero(~self._is_part).tolist()
        self.benchmarks = sorted({item[1] for item in self.items})
        number_of = {name: number for number, name in enumerate(self.benchmarks)}
        self._benchmark = np.array([number_of[item[1]] for item in self.items], np.uint16)
        self.background = weights.Background(background, self._keys, self._parts)
        self.background.weigh(self._parts)
        self.set_aside = self._leaks(background)
        self._common = sum(int((part.clean >= overlap.COMMON_IN_BACKGROUND).sum()) for part in self._parts)
        self.clean = [text for text, used in zip(background, self.background.used, strict=True) if used]

    @property
    def numbers(self) -> dict[tuple[str, str], int]:
        """The number of each item, by id and benchmark."""
        return {item[:2]: number for number, item in reversed([*enumerate(self.items)])}

    def _leaks(self, texts: Sequence[str]) -> int:
        """Leave out the reference texts that hold a whole field, or much of one; returns how many there were."""
        from curation.decontamination.engine import layout

        if not self.background.documents or not len(self.items):
            return 0
        tables = tables_of(building.leak_tables(self._fields, self._parts, self._is_part))
        leaks = np.zeros(len(texts), bool)
        first = 0
        for rows in batches([(text, "") for text in texts]):
            integers, floats = scan_rows(rows, self._keys, tables)
            word_for_word = (integers[:, (layout.EXACT_FIELD, layout.RUN_FIELD)] >= 0).any(axis=1)
            leaks[first : first + len(rows)] = word_for_word | (
                floats[:, layout.SHARE] >= self._policy.containment_limit
            )
            first += len(rows)
        leaks &= self.background.used
        self.background.used &= ~leaks
        if leaks.any():
            self.background.weigh(self._parts)
        return int(leaks.sum())

    def arrays(self, number: int, previous: Mapping[str, Array] | None) -> dict[str, Array]:
        """All arrays that need no model. What they were made of is used up."""
        from curation.decontamination.engine import layout

        fields = weights.without_common(self._fields, self._parts, self._is_part, self._benchmark)
        protected = weights.protection(fields, self._parts)
        whole, cut = self._runs(fields, protected)
        arrays = building.assemble(fields, self._parts, protected)
        arrays |= building.anchors(whole.and_also(cut), layout.MOST_LENGTHS)
        building.add_since(arrays, fields, number, previous)
        building.add_exact_keys(arrays, fields, cut)
        del self._fields
        arrays["item_id"] = np.array([item[0].encode() for item in self.items], dtype=np.bytes_)
        arrays["item_benchmark"] = self._benchmark
        self._protected = {self.items[i][0] for i in np.flatnonzero(protected.enough.any(axis=1))}
        return building.add_indexes(arrays)

    def _runs(self, fields: Fields, protected: Protection) -> tuple[Runs, Runs]:
        """What is found word for word: fields without enough rare n-grams, and most of those with few of them.

        A short part of an item may stand in any text, unless many clean texts do not hold it: it is found where it is
        all that is said.
        """
        is_generic = self._is_part & (self.background.documents < building.ENOUGH_CLEAN)
        wanted = fields.lengths >= building.SHORTEST_SEQUENCE
        wanted &= ~is_generic[:, None] | (fields.lengths >= weights.LEAST_WORDS)
        thin = protected.thin & ~self._is_part[:, None] & (fields.lengths >= runs.LEAST_WORDS)
        cut = runs.cut([item[2:] for item in self.items], thin, self._keys)
        return runs.whole(fields, wanted & ~protected.enough), runs.without_templates(cut, self._benchmark)

    def facts(self) -> dict[str, Any]:
        """What the header says about the items and the background."""
        return {
            "items": len({item[0] for item in self.items}),
            "benchmarks": self.benchmarks,
            "background_documents": self.background.documents,
            "background_set_aside": self.set_aside,
            "background_common": self._common,
            "unprotected": [*dict.fromkeys(item[0] for item in self.items if item[0] not in self._protected)],
        }
