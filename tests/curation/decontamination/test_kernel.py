"""The kernel: the published vectors of SipHash, and what a plain Python reading of the definitions gives."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decontamination import normalise
from curation.decontamination.engine import hashing, layout
from curation.decontamination.registry import Registry
from curation.decontamination.scanning import kernel_keys, scan_rows
from tests.support import overlap_reference

KEY = b"another registry key of 32 bytes"
KEYS = kernel_keys(KEY)
# Of the reference implementation: key 00 01 .. 0f, message 00 01 .. of that length.
PUBLISHED = {0: 0x726FDB47DD0E0E31, 8: 0x93F5F5799A932462, 16: 0x3F2ACC7F57C29BDB}
NOTHING = np.empty(0, np.int64)


@pytest.mark.parametrize(("length", "expected"), PUBLISHED.items())
def test_siphash_of_the_published_vectors(length, expected):
    k0, k1 = np.frombuffer(bytes(range(16)), "<u8").astype(np.uint64)
    blocks = np.frombuffer(bytes(range(length)), "<u8").astype(np.uint64)
    assert int(hashing.siphash(blocks, 0, length // 8, k0, k1)) == expected
    assert overlap_reference.siphash(bytes(range(length)), int(k0), int(k1)) == expected


def test_siphash_of_the_paper():
    """Appendix A of the paper: 15 bytes."""
    k0, k1 = (int.from_bytes(bytes(range(8 * i, 8 * i + 8)), "little") for i in (0, 1))
    assert overlap_reference.siphash(bytes(range(15)), k0, k1) == 0xA129CA6149BE45E5


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
@settings(max_examples=50, deadline=None)
def test_siphash_is_that_of_its_definition(blocks, k0, k1):
    array = np.array(blocks, np.uint64)
    data = b"".join(block.to_bytes(8, "little") for block in blocks)
    assert int(hashing.siphash(array, 0, len(blocks), np.uint64(k0), np.uint64(k1))) == overlap_reference.siphash(
        data, k0, k1
    )
    out = np.zeros(max(0, len(blocks) - 2), np.uint64)
    hashing.trigrams(array, len(blocks), np.uint64(k0), np.uint64(k1), out)
    assert out.tolist() == [overlap_reference.siphash(data[8 * i : 8 * i + 24], k0, k1) for i in range(len(out))]


@given(st.text(alphabet=st.characters(codec=None), max_size=60) | st.text(alphabet="aB1 _-\\&<%\n.é", max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_kernel_splits_the_words_of_normalisation(text):
    data, offsets = hashing.pack(normalise.packed([text]))
    words = np.zeros(len(data) + 1, np.uint64)
    count = hashing.split(data, 0, offsets[1], hashing.FOLD, KEYS[6], words, 0)
    expected = [overlap_reference.word_hash(word, int(KEYS[6])) for word in normalise.words(text)]
    assert words[:count].tolist() == expected


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.data())
@settings(max_examples=50, deadline=None)
def test_a_run_has_the_same_fingerprint_wherever_it_stands(hashes, data):
    start = data.draw(st.integers(0, len(hashes)))
    end = data.draw(st.integers(start, len(hashes)))

    def fingerprint(words, first, last):
        prefix = np.zeros(len(words) + 1, np.uint64)
        hashing.accumulate(np.array(words, np.uint64), len(words), KEYS[7], prefix)
        return int(hashing.run_fingerprint(prefix, first, last, KEYS, np.zeros(2, np.uint64)))

    assert fingerprint(hashes, start, end) == fingerprint(hashes[start:end], 0, end - start)


def prose(rng, words):
    return " ".join(rng.choice(["alder", "birch", "cedar", "elm", "fir", "hazel", "oak", "pine"]) for _ in range(words))


def row_with_a_piece(rng, items):
    _, _, question, answer = rng.choice(items)
    words = f"{question} {answer}".split()
    start = rng.randrange(len(words))
    piece = words[start : start + rng.randrange(5, 60)]
    kept = [word for word in piece if rng.random() > rng.choice([0, 0, 0.1, 0.3])]
    return " ".join([prose(rng, rng.randrange(30)), *kept, prose(rng, rng.randrange(60))]), " ".join(kept[::2])


@pytest.mark.parametrize("seed", range(5))
def test_containment_and_jaccard_are_those_of_their_definitions(seed):
    rng = random.Random(seed)
    items = [
        (f"i{n}", f"b v{n % 2}", prose(rng, rng.randrange(5, 60)), prose(rng, rng.randrange(40))) for n in range(9)
    ]
    registry = Registry.from_bytes(Registry.build(items, KEY, [prose(rng, 50) for _ in range(3)]), KEY)
    rows = [row_with_a_piece(rng, items) for _ in range(40)]
    integers, floats = scan_rows(rows, registry._keys, registry._tables)
    keys = registry._keys.tolist()
    fields = list(overlap_reference.fields(registry.arrays))
    assert fields and (floats[:, layout.SHARE] >= 0.3).sum() > 5
    for row, (prompt, answer) in enumerate(rows):
        words = normalise.words(prompt) + normalise.words(answer)
        hashes = overlap_reference.grams(words, 3, keys)
        shares = {number: overlap_reference.best_share(hashes, *field)[0] for number, *field in fields}
        assert floats[row, layout.SHARE] == pytest.approx(max(shares.values()), abs=1e-6)
        assert shares.get(int(integers[row, layout.WINDOW_FIELD]), 0.0) == pytest.approx(max(shares.values()), abs=1e-6)


def test_the_trace_is_where_the_window_stands():
    words = [f"w{n}" for n in range(30)]
    registry = Registry.from_bytes(Registry.build([("i", "b", " ".join(words), "")], KEY), KEY)
    row = ("x y z " + " ".join(words[4:]), "")
    trace = np.zeros(50, np.int64)
    integers, _ = scan_rows([row], registry._keys, registry._tables, 0, trace)
    hashes = overlap_reference.grams(normalise.words(row[0]), 3, registry._keys.tolist())
    (field,) = overlap_reference.fields(registry.arrays)
    assert trace[: integers[0, layout.TRACED]].tolist() == overlap_reference.best_share(hashes, *field[1:])[1]


def test_jaccard_by_definition():
    rng = random.Random(3)
    words = [f"w{rng.randrange(10_000)}" for _ in range(120)]
    registry = Registry.from_bytes(Registry.build([("i", "b", " ".join(words), "")], KEY), KEY)
    row = words[:60] + ["other"] + words[61:]
    theirs, own = (overlap_reference.kept_long(text, registry._keys.tolist()) for text in (words, row))
    jaccard = registry.check(" ".join(row)).scores["jaccard"]
    assert jaccard == pytest.approx(len(theirs & own) / len(theirs | own), abs=1e-4) and 0.7 < jaccard < 1


def test_a_row_alone_is_a_row_in_a_batch():
    rng = random.Random(8)
    items = [(f"i{n}", "b", prose(rng, 40), "") for n in range(5)]
    registry = Registry.from_bytes(Registry.build(items, KEY), KEY)
    rows = [row_with_a_piece(rng, items) for _ in range(30)] + [("", ""), ("é " + items[0][2], "")]
    assert registry.screen(rows) == [registry.check(*row) for row in rows]
