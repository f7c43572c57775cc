"""The file of a registry: the same bytes for the same content, damage seen, sealed arrays mute without the key."""

import numpy as np
import pytest

from curation.decontamination import snapshot
from curation.decontamination.registry import BadRegistry, Registry
from curation.decontamination.snapshot import PIECE, encode, read_arrays, read_header, seal, unseal

KEY = b"a key for the file, of 32 bytes."
OTHER = b"another key for it, of 32 bytes."
OPEN = {"counts": np.arange(5, dtype=np.int32), "none": np.zeros(0, np.uint64)}
VECTORS = {"vectors": np.linspace(-1, 1, 12).astype(np.float16).reshape(3, 4)}


def written(key=KEY, header=None):
    return encode(header or {"format": 2}, dict(OPEN), VECTORS, key)


def test_what_was_written_is_read():
    data = written()
    header, start = read_header(data)
    arrays = read_arrays(data, header, start, KEY)
    for name, array in {**OPEN, **VECTORS}.items():
        assert arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array)
    assert start % 64 == 0 and all(entry["at"] % 64 == 0 for entry in header["arrays"].values())


def test_the_same_content_gives_the_same_bytes():
    assert written() == written() and written() != written(OTHER)


def test_sealed_arrays_are_not_in_the_file():
    data = written()
    assert OPEN["counts"].tobytes() in data and VECTORS["vectors"].tobytes() not in data


def test_sealed_arrays_need_the_key():
    data = written()
    with pytest.raises(BadRegistry, match="vectors"):
        read_arrays(data, *read_header(data), OTHER)


def test_a_sealed_array_cannot_pass_for_another():
    with pytest.raises(BadRegistry):
        unseal(seal(b"some vectors", "vectors", KEY), "calibration", KEY)


def test_long_arrays_are_sealed_in_pieces():
    content = bytes(PIECE) + b"the end"
    sealed = seal(content, "vectors", KEY)
    assert unseal(sealed, "vectors", KEY) == content and len(sealed) == len(content) + 2 * 28


@pytest.mark.parametrize("at", [3, 40, -1])
def test_damage_is_seen(at):
    data = bytearray(written())
    data[at] ^= 1
    with pytest.raises(BadRegistry):
        read_arrays(bytes(data), *read_header(bytes(data)), KEY)


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="at least 16 bytes"):
        snapshot.derived(b"short", "check", 8)


QUESTION = "How many of the forty grey wagons that left the quarry at dawn had come back to it before the snow fell"
ITEMS = [("one", "exam v1", QUESTION, ""), ("two", "exam v1", QUESTION.replace("wagons", "barges in June"), "")]


def opened(items, **more):
    return Registry.from_bytes(Registry.build(items, KEY, **more), KEY)


def test_an_item_is_protected_since_its_first_epoch():
    first = opened(ITEMS[:1], number=3)
    new = ("three", "other v1", "What did the miller's daughter say to the toll keeper when the bridge was closed?", "")
    second = opened([ITEMS[0], new], number=4, previous=first)
    since = dict(zip(second.arrays["item_id"].tolist(), second.arrays["item_since"].tolist(), strict=True))
    assert since == {b"one": 3, b"three": 4}
    assert second.check(QUESTION).blocked and not second.check(QUESTION, since=3).blocked
    assert second.check(new[2], since=3).item_id == "three"


def test_an_item_that_weighs_something_else_is_new():
    first = opened(ITEMS[:1], number=3)
    second = opened(ITEMS[:1], number=4, previous=first, background=["A clean text."])
    assert second.arrays["item_since"].tolist() == [4]


def test_epochs_of_another_key_say_nothing_about_since():
    other = Registry.from_bytes(Registry.build(ITEMS, OTHER, number=3), OTHER)
    assert set(opened(ITEMS, number=4, previous=other).arrays["item_since"].tolist()) == {4}


def test_a_leak_in_the_clean_reference_is_set_aside():
    clean = ["The harbour was quiet.", "Nobody had seen the ferry."]
    leaked = opened(ITEMS, background=[*clean, *["So: " + QUESTION + n for n in ("", "?")]])
    assert (leaked.header["background_documents"], leaked.header["background_set_aside"]) == (2, 2)
    assert leaked.check("And " + QUESTION).score > 0.9
    assert np.array_equal(leaked.arrays["gram_idf"], opened(ITEMS, background=clean).arrays["gram_idf"])


def test_of_the_same_words_in_one_benchmark_one_item_is_kept():
    again = ("again", "exam v1", QUESTION.upper(), "")
    assert len(opened([*ITEMS, again])) == 2 and len(opened([*ITEMS, ("x", "exam v2", QUESTION, "")])) == 3
