"""The registry: finds what leaked, in which form ever; says nothing without its key."""

import random

import numpy as np
import pytest

from curation.decontamination.registry import BadRegistry, Registry
from curation.decontamination.words import weights as ngram_weights
from tests.curation.conftest import EXAM, KEY

LONG, SHORT = EXAM
FILLER = (
    "The committee met on Tuesday to talk about the garden. Nobody had watered the beans, and the slugs had come back."
    " It was agreed that a rota would help, if somebody wrote it down and hung it in the shed beside the door. "
)


def opened(items, background=(), key=KEY, **more):
    return Registry.from_bytes(Registry.build(items, key, background, **more), key)


@pytest.mark.parametrize(
    ("prompt", "answer", "method"),
    [
        (LONG[2], LONG[3], "exact"),
        (LONG[2].upper(), "I do not know.", "exact"),
        ("What do you think?", LONG[2] + " " + LONG[3], "exact"),
        (FILLER * 5 + LONG[2] + FILLER * 5, "x", "containment"),
        (FILLER, FILLER + LONG[3], "containment"),
        (LONG[2].replace("freight", "goods").replace("evening", "night"), "x", "containment"),
        (SHORT[2], "No idea.", "exact"),
        ("Hello. " + SHORT[2] + " Thanks.", "x", "sequence"),
        ("".join(c + "\u200b" for c in SHORT[2]), "x", "exact"),
    ],
)
def test_a_leak_is_found(exam, prompt, answer, method):
    overlap = exam.check(prompt, answer)
    assert overlap.blocked and overlap.method == method
    assert overlap.item_id in ("item-train", "item-short") and overlap.benchmark == "exam v1"
    assert 0 < overlap.limit <= overlap.score <= 1


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "a",
        FILLER * 20,
        "Who owns the blue kettle?",
        "How many wagons does a freight train have?",
        "\ud800",
        "🙂" * 99,
    ],
)
def test_a_clean_row_learns_nothing(exam, prompt):
    overlap = exam.check(prompt, "Twenty.")
    assert not overlap.blocked
    assert (overlap.item_id, overlap.benchmark, overlap.spans) == ("", "", [])
    assert overlap.template is None
    assert set(overlap.scores) == {"exact", "sequence", "containment", "jaccard", "template"}


def test_evidence_points_at_the_rows_own_words(exam):
    prompt = "Note. " + SHORT[2] + " Thanks."
    (span,) = exam.check(prompt, "x").spans
    assert prompt[span.start : span.end] == "Who owns the red kettle"


def test_the_window_tells_a_leak_from_scattered_phrases():
    words = [f"w{n}" for n in range(80)]
    registry = opened([("i", "b v1", " ".join(words), "")])
    pieces = [" ".join(words[i : i + 6]) for i in range(0, 80, 7)]
    assert not registry.check((" " + FILLER * 4).join(pieces), "x").blocked
    assert registry.check(" and ".join(pieces), "x").blocked


def test_a_common_phrase_weighs_nothing():
    phrase = (
        "Please tell me in short what the town of {0} is called now and why the people who built {0} left it so soon"
    )
    items = [(f"i{n}", "b v1", phrase.format(n + n), "") for n in "abc"]
    row = phrase.format("zz")
    assert opened(items).check(row).blocked
    aware = opened(items, [phrase.format(f"q{n}") for n in range(20)])
    assert not aware.check(row).blocked
    assert aware.unprotected == ["ia", "ib", "ic"]
    assert aware.check("Well: " + items[1][2]).method == "sequence"


def test_the_next_version_does_not_make_items_common():
    versions = [(f"{n}", f"exam v{n}", LONG[2] + f" Version {n}.", LONG[3]) for n in range(9)]
    registry = Registry.from_bytes(Registry.build(versions, KEY), KEY)
    assert registry.check(FILLER + LONG[2]).blocked


def test_the_same_input_gives_the_same_bytes():
    assert Registry.build(EXAM, KEY, ["a b c"]) == Registry.build(EXAM, KEY, ["a b c"])
    assert Registry.build(EXAM, KEY) != Registry.build(EXAM, b"another key of thirty-two bytes.")


def test_a_wrong_key_is_refused(tmp_path):
    path = tmp_path / "1.cftreg"
    path.write_bytes(Registry.build(EXAM, KEY))
    assert len(Registry.open(path, KEY)) == 2
    with pytest.raises(BadRegistry, match="another key"):
        Registry.open(path, b"another key of thirty-two bytes.")


@pytest.mark.parametrize("damage", [lambda data: b"X" + data[1:], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_file_is_refused(damage):
    with pytest.raises(BadRegistry):
        Registry.from_bytes(damage(Registry.build(EXAM, KEY)), KEY)


def test_no_word_of_an_item_is_in_the_file():
    data = Registry.build(EXAM, KEY).lower()
    assert not [word for word in (b"freight", b"gravel", b"kettle", b"tamsin") if word in data]


def test_half_of_the_grams_are_never_kept(exam):
    assert len(exam.arrays["gram_keys"]) > 10
    assert not (exam.arrays["gram_keys"] & np.uint64(1)).any()


def test_an_empty_registry_blocks_nothing():
    empty = Registry.from_bytes(Registry.build([], KEY), KEY)
    assert len(empty) == 0 and not empty.check("Anything at all?", "Yes.").blocked


def test_idf_by_hand():
    weights = ngram_weights.idf(np.array([0, 9, 10]), 98)
    assert weights.tolist() == pytest.approx([np.log(100), np.log(10), 0.0], rel=1e-6)


def test_word_edits_do_not_hide_a_leak(exam):
    rng = random.Random(1)
    words = LONG[2].split() + LONG[3].split()
    blocked = 0
    for _ in range(50):
        edited = [word for word in words if rng.random() > 0.1]
        blocked += exam.check(" ".join(edited), "").blocked
    assert blocked >= 48
