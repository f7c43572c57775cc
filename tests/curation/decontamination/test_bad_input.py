"""Whatever a row holds: no exception, a defined verdict, and work in proportion to its length."""

import base64
import random

import pytest

from curation.decontamination.registry import Registry
from tests.support.growth import grows_linearly, parts

KEY = b"a key for bad input, of 32 bytes"
RNG = random.Random(5)
VOCABULARY = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ana", "ero", "ilu", "oma", "uri")]
ITEMS = [(f"i{n}", f"b v{n % 40}", " ".join(RNG.choices(VOCABULARY, k=60)), "one two three") for n in range(300)]
ITEMS += [(f"s{n}", f"short v{n}", f"what is the {'very ' * n}end", "") for n in range(70)]
SHARED = " ".join(f"shared{n}" for n in range(80))
ITEMS += [(f"t{n}", f"t v{n}", f"{SHARED} {n}", "") for n in range(30)]
MEGABYTE = 1_000_000

HOSTILE = {
    "nothing": "",
    "one word": "word",
    "one long word": "a" * MEGABYTE,
    "one token": "a " * (MEGABYTE // 2),
    "a million tokens": "a " * 1_000_000,
    "spaces": " " * MEGABYTE,
    "surrogates": "\ud800" * 300_000,
    "surrogates in words": "wo\udfffrd " * 120_000,
    "right to left": "السلام عليكم ورحمة الله " * 40_000,
    "bidirectional controls": "\u202eabc\u202c def " * 80_000,
    "emoji": "🙂👩‍👩‍👧‍👦🇳🇱 " * 60_000,
    "chinese": "我们在花园里讨论了很久" * 90_000,
    "marks": "e" + "\u0301" * 500_000,
    "full width": "ｆｕｌｌ ｗｉｄｔｈ " * 80_000,
    "base64": base64.b64encode(random.Random(1).randbytes(750_000)).decode(),
    "code": "for (int i = 0; i < n; i++) { a[i] = b[i] & 0xff; }\n" * 19_000,
    "table": "| a | b & c | 5 % |\n|---|---|---|\n" * 28_000,
    "backslashes": "\\" * MEGABYTE,
    "open tags": "<a " * 330_000,
    "entities": "&amp;" * 200_000,
    "half entities": "&a" * 500_000,
    "percent": "%41%20" * 160_000,
    "percent signs": "%" * MEGABYTE,
    "json": '{"a": "\\u00e9\\n"}' * 55_000,
    "broken lines": "a-\n" * 330_000,
    "hangul in parts": "\u1112\u1161\u11ab" * 300_000,
    "an item again and again": (ITEMS[0][2] + " ") * 3_000,
    "all items": " ".join(item[2] for item in ITEMS) * 9,
    "what all items share": (SHARED + " ") * 1_300,
    "beginnings of short items": "what is the very " * 60_000,
    "the vocabulary": " ".join(random.Random(2).choices(VOCABULARY, k=200_000)),
}


@pytest.fixture(scope="module")
def registry():
    registry = Registry.from_bytes(Registry.build(ITEMS, KEY), KEY)
    registry.check("Compiled, loaded.", ITEMS[0][2])
    return registry


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_verdict_in_linear_time(registry, name):
    def screen(text):
        return registry.screen([(text, "")], spans=False)[0]

    overlap = screen(HOSTILE[name])
    assert 0 <= overlap.score <= 1 and overlap.blocked == bool(overlap.item_id)
    once, twice = parts(HOSTILE[name])
    assert grows_linearly(lambda: screen(once), lambda: screen(twice))


def test_an_item_in_a_megabyte_is_found(registry):
    text = HOSTILE["base64"][: MEGABYTE // 2] + " " + ITEMS[7][2] + " " + HOSTILE["table"][: MEGABYTE // 2]
    overlap = registry.check("Read this.", text)
    assert (overlap.item_id, overlap.method) == ("i7", "containment")
    assert overlap.spans and all(0 <= len(text[span.start : span.end]) < 1_000 for span in overlap.spans)


@pytest.mark.parametrize(
    "name", ["surrogates in words", "right to left", "emoji", "chinese", "json", "hangul in parts"]
)
def test_evidence_of_odd_rows(registry, name):
    text = HOSTILE[name][:5_000] + " " + ITEMS[3][2]
    (first, *_) = registry.check(text, "").spans
    assert text[first.start : first.end].split()[-1] in ITEMS[3][2]
