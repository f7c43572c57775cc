"""A registry with an embedding model finds rewordings too, and is no use without that model or its key."""

import numpy as np
import pytest

from curation.decontamination.engine.encoder import OFF, Encoder
from curation.decontamination.registry import BadRegistry, Registry
from tests.curation.conftest import EXAM, KEY

REWORDED = (
    "At 9 o'clock a goods train with 40 waggons full of gravel departs from Arden. At each of 2 stops it drops off 1/4"
    " of them. What number of waggons get to Jarrow that evening?"
)
CLEAN = "My parcel says delivered, but it is not here. Whom do I ask about it?"
ROWS = [(REWORDED, ""), (CLEAN, ""), (EXAM[0][2], EXAM[0][3])]


@pytest.fixture(scope="module")
def content(encoder: Encoder) -> bytes:
    return Registry.build(EXAM, KEY, [CLEAN], encoder=encoder, number=1)


@pytest.fixture(scope="module")
def registry(content: bytes, encoder: Encoder) -> Registry:
    return Registry.from_bytes(content, KEY, encoder=encoder)


def test_a_rewording_is_blocked_by_its_meaning(registry: Registry) -> None:
    overlap = registry.check(REWORDED)
    assert (overlap.blocked, overlap.method, overlap.item_id) == (True, "meaning", "item-train")
    assert overlap.score >= overlap.limit >= registry.policy.meaning_floor
    assert [(span.part, span.start, span.end) for span in overlap.spans] == [("prompt", 0, len(REWORDED))]


def test_without_a_model_it_is_not_found_and_says_so(content: bytes) -> None:
    plain = Registry.from_bytes(Registry.build(EXAM, KEY), KEY)
    assert plain.header["encoder"] is None
    overlap = plain.check(REWORDED)
    assert not overlap.blocked
    assert "meaning" not in overlap.scores


def test_a_clean_row_is_clean_and_was_compared(registry: Registry) -> None:
    overlap = registry.check(CLEAN)
    assert not overlap.blocked
    assert overlap.item_id == ""
    assert overlap.scores["meaning"] == 0.0


def test_what_n_grams_find_is_not_compared_by_meaning_unless_asked(registry: Registry) -> None:
    assert "meaning" not in registry.screen(ROWS, spans=False)[2].scores
    assert registry.screen(ROWS, spans=False, every_method=True)[2].scores["meaning"] > 0.9
    assert registry.screen(ROWS)[2].scores["meaning"] > 0.9  # where all that a row holds is to be named


def test_one_row_and_many_give_the_same(registry: Registry) -> None:
    assert registry.screen(ROWS) == [registry.check(*row) for row in ROWS]


def test_older_items_take_no_part_in_a_look_for_newer_ones(registry: Registry) -> None:
    assert registry.check(REWORDED, since=0).blocked
    assert not registry.check(REWORDED, since=1).blocked


def test_the_policy_moves_the_limit(registry: Registry) -> None:
    from curation.decontamination.overlap import Policy

    assert not registry.with_policy(Policy(meaning_floor=1.0)).check(REWORDED).blocked


def test_a_text_in_another_script_is_not_compared(registry: Registry) -> None:
    assert "meaning" not in registry.check("Сколько вагонов с гравием прибудет вечером на станцию?").scores


def test_the_same_input_gives_the_same_bytes(content: bytes, encoder: Encoder) -> None:
    assert content == Registry.build(EXAM, KEY, [CLEAN], encoder=encoder, number=1)


def test_vectors_and_words_are_unreadable_in_the_file(content: bytes, registry: Registry) -> None:
    for name in ("meaning_vectors", "meaning_words", "meaning_numbers"):
        plain = np.ascontiguousarray(registry.arrays[name]).tobytes()
        assert len(plain) >= 16
        assert plain[:16] not in content


def test_the_configured_model_is_used_and_another_one_is_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFT_EMBEDDING_MODEL", "")
    assert Registry.from_bytes(content, KEY).check(REWORDED).blocked
    monkeypatch.setenv("CFT_EMBEDDING_MODEL", OFF)
    with pytest.raises(BadRegistry, match="CFT_EMBEDDING_MODEL"):
        Registry.from_bytes(content, KEY).check(CLEAN)
