"""Building in parts of the hash space: less memory, the same bytes."""

import random

import pytest

from curation.decontamination.registry import BadRegistry, Registry
from curation.decontamination.words import fingerprints

KEY = b"a key for the parts, of 32 bytes"
RNG = random.Random(11)
WORDS = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ana", "ero", "ilu", "oma", "uri")]


def prose(words):
    return " ".join(RNG.choices(WORDS, k=words))


TEMPLATE = "what is the sum of all the numbers in the list of {0} and {1} if nothing else stands beside {0}"
ITEMS = [(f"i{n}", f"b v{n % 3}", prose(RNG.randrange(4, 90)), prose(RNG.randrange(40))) for n in range(300)]
ITEMS += [(f"t{n}", "templates", TEMPLATE.format(n, WORDS[n]), "") for n in range(40)]
ITEMS += [(f"again {item[0]}", item[1], item[2], item[3]) for item in ITEMS[::30]]
CLEAN = [prose(60) for _ in range(60)] + ["Look: " + item[2] for item in ITEMS[:9]]


def built():
    first = Registry.build(ITEMS[:200], KEY, CLEAN, number=1)
    return first, Registry.build(ITEMS, KEY, CLEAN, number=2, previous=Registry.from_bytes(first, KEY))


@pytest.mark.parametrize(("characters", "at_once"), [(2_000, 7), (200, 50)])
def test_parts_change_no_byte(monkeypatch, characters, at_once):
    assert fingerprints.bits_for(item[2:] for item in ITEMS) == 0
    unsplit = built()
    monkeypatch.setattr(fingerprints, "PART_CHARACTERS", characters)
    monkeypatch.setattr(fingerprints, "TEXTS_AT_ONCE", at_once)
    assert fingerprints.bits_for(item[2:] for item in ITEMS) > 4
    assert built() == unsplit


def test_parts_grow_in_number_with_the_items():
    text = "a" * fingerprints.PART_CHARACTERS
    assert [fingerprints.bits_for([(text, "")] * n) for n in (0, 1, 2, 3, 4, 200, 9_000)] == [0, 1, 2, 2, 3, 8, 8]


def test_clean_texts_that_hold_an_item_are_set_aside():
    registry = Registry.from_bytes(built()[1], KEY)
    assert registry.header["background_set_aside"] == sum(len(item[2].split()) >= 8 for item in ITEMS[:9])
    assert registry.header["items"] == len({item[1:] for item in ITEMS})


def test_a_registry_of_other_n_grams_is_refused(monkeypatch):
    data = Registry.build(ITEMS[:3], KEY)
    monkeypatch.setattr("curation.decontamination.registry.PARAMETERS", {"gram": 4})
    with pytest.raises(BadRegistry, match="publish a new epoch"):
        Registry.from_bytes(data, KEY)
