"""Rows are compared by meaning with the vectors that are stored of them: nothing is embedded twice.

A row's vector (`curation.models.Signature`) is of prompt and answer together. One product with the items' vectors tells
which rows come anywhere near an item; only those are read again as the registry does it, passage by passage. So a
new epoch, or a check of new items, does not wait for a million embeddings. Rows without a vector of the registry's
model, and long ones, whose vector stands for their beginning only, are read in full; so are conversations (`compared`)
and rows in other languages than the items'.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curation.decontamination.meaning.comparing import NEAR, encoder_name
from curation.decontamination.meaning.passages import LONGEST, is_foreign
from curation.decontamination.overlap import Overlap
from curation.models import Signature

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry

Texts = tuple[str, str]
SLACK = 0.3  # below the policy's floor: a part of a row can be nearer to an item than the whole of it


def screen(rows: Mapping[int, Texts], registry: "Registry", since: int = 0, spans: bool = True) -> list[Overlap]:
    """What `registry.screen` says of these cases' words, in their order."""
    if not rows or not registry.header.get("encoder"):
        return registry.screen(list(rows.values()), since, spans) if rows else []
    overlaps = registry.without_meaning().screen(list(rows.values()), since, spans)
    open_cases = [case for case, overlap in zip(rows, overlaps, strict=True) if not overlap.blocked]
    near = set(worth_reading({case: rows[case] for case in open_cases}, registry, since))
    near.update(case for case in open_cases if registry.is_foreign(rows[case]))
    if spans:  # what a blocked row means beside is named as well
        near.update(case for case, overlap in zip(rows, overlaps, strict=True) if overlap.blocked)
    read = iter(registry.screen([rows[case] for case in rows if case in near], since, spans))
    return [
        next(read) if case in near else overlap if overlap.blocked else far(overlap, rows[case], registry)
        for case, overlap in zip(rows, overlaps, strict=True)
    ]


def far(overlap: Overlap, texts: Texts, registry: "Registry") -> Overlap:
    """What is said of a row whose vector comes near no item: its meaning was looked at, unless it is foreign."""
    if is_foreign("".join(texts)):
        return replace(overlap, translator=registry.translator)
    scores = overlap.scores | {"meaning": 0.0, "meaning_background": 0.0}
    encoder = encoder_name(registry.header["encoder"])
    return replace(overlap, scores=scores, encoder=encoder, translator=registry.translator)


def worth_reading(rows: Mapping[int, Texts], registry: "Registry", since: int) -> Iterable[int]:
    """The cases that may mean an item which takes part."""
    vectors = vectors_of([case for case, texts in rows.items() if is_short(texts)], registry)
    yield from (case for case in rows if case not in vectors)
    if vectors:
        nearest = registry.nearest(np.stack(list(vectors.values())), since)
        yield from np.array(list(vectors))[nearest >= min(NEAR, registry.policy.meaning_floor - SLACK)].tolist()


def is_short(texts: Texts) -> bool:
    return sum(len(text.split()) for text in texts) <= LONGEST


def vectors_of(cases: Iterable[int], registry: "Registry") -> dict[int, NDArray[np.float32]]:
    """The stored vectors of these cases that the registry's own model made."""
    model = registry.header["encoder"]
    label = f"{model['name']}@{model['revision']}"[:120]
    stored = Signature.objects.filter(case__in=list(cases), encoder=label).values_list("case_id", "vector")
    return {case: np.asarray(vector, np.float32) for case, vector in stored if vector is not None}
