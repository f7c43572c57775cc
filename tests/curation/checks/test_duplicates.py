"""When two rows are the same lesson: known answers, and the recall of the bands."""

import random

import pytest
from datasketch import MinHashLSH
from hypothesis import given
from hypothesis import strategies as st

from curation.checks import duplicates
from curation.checks.duplicates import BAND_ROWS, BANDS, PERMUTATIONS, SHARED_LEAST, Row, band_keys, near, semantic
from training.demo_model import world

LIMIT = 0.8
TRAIN = (
    "A freight train leaves Arden at nine with forty wagons of gravel and stops twice to unload a quarter of them;"
    " how many wagons reach Jarrow in the evening?"
)
TWENTY = "It unloads ten wagons at the first stop and ten at the second, so twenty wagons of gravel reach Jarrow."


def alike(rng: random.Random, jaccard: float) -> tuple[Row, Row]:
    """Two rows of random letters whose 5-grams have about this Jaccard index: one letter in some is another."""
    letters = [rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(900)]
    changed = list(letters)
    changes = round((1 - jaccard) / (1 + jaccard) * 896 / 5)
    for n in range(changes):
        changed[n * 900 // changes + 3] = "0"
    return Row("", "".join(letters)), Row("", "".join(changed))


def shared_bands(first: Row, second: Row) -> int:
    a, b = band_keys([first, second])
    return len(set(a) & set(b))


def test_a_pair_at_the_limit_is_found_99_times_in_100():
    rng = random.Random(0)
    pairs = [alike(rng, 0.805) for _ in range(300)]
    assert all(0.8 <= duplicates.row_jaccard(*pair)[0] <= 0.82 for pair in pairs)
    candidates = sum(shared_bands(*pair) >= SHARED_LEAST for pair in pairs)
    assert candidates / len(pairs) >= 0.99


def test_the_bands_that_datasketch_chooses_find_40_in_100():
    chosen = MinHashLSH(threshold=0.8, num_perm=PERMUTATIONS)
    assert (chosen.b, chosen.r) == (9, 13)
    assert 1 - (1 - 0.8**chosen.r) ** chosen.b == pytest.approx(0.40, abs=0.01)
    assert 1 - (1 - 0.8**BAND_ROWS) ** BANDS > 0.9999999


def test_few_pairs_far_below_the_limit_are_looked_at():
    rng = random.Random(1)
    pairs = [alike(rng, 0.3) for _ in range(300)]
    assert sum(shared_bands(*pair) >= SHARED_LEAST for pair in pairs) <= 3


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_has_its_bands_and_is_near_itself(prompt, answer):
    row = Row(prompt, answer)
    (keys,) = band_keys([row])
    assert len(keys) == BANDS and all(-(2**63) <= key < 2**63 for key in keys)
    assert near(row, Row(prompt, answer), LIMIT).same


WORDS = ["the", "refund", "window", "is", "30", "days", "for", "Arden", "not", "plan", "b"]


def test_likeness_is_symmetric_where_words_change_places():
    first = Row("How long?", "window refund refund the the the window the refund")
    second = Row("How long?", "refund refund window the the window refund the the")
    assert near(first, second, LIMIT) == near(second, first, LIMIT)


@given(st.lists(st.sampled_from(WORDS), max_size=30), st.data())
def test_likeness_is_symmetric_and_a_share(words, data):
    first = Row("How long?", " ".join(words))
    second = Row("How long?", " ".join(data.draw(st.permutations(words))))
    there, back = near(first, second, LIMIT), near(second, first, LIMIT)
    assert (there.score, there.same) == (back.score, back.same) and 0 <= there.score <= 1


@pytest.mark.parametrize(
    "prompt",
    [
        TRAIN.upper(),
        TRAIN.replace("in the evening", "that evening"),
        TRAIN.replace("gravel", "gravvel"),
        TRAIN.replace("forty", "fotry"),
        TRAIN.replace("twice", "twie"),
        "Please tell me: " + TRAIN,
        TRAIN.replace("unload", "drop"),
    ],
)
def test_a_few_letters_or_words_do_not_make_another_lesson(prompt):
    assert near(Row(TRAIN, TWENTY), Row(prompt, TWENTY), LIMIT).same


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (TRAIN.replace("forty", "sixty"), TWENTY),
        (TRAIN.replace("Jarrow", "Denby"), TWENTY),
        (TRAIN.replace("quarter", "third"), TWENTY),
        (TRAIN.replace("stops twice", "stops once"), TWENTY),
        (TRAIN, TWENTY.replace("twenty", "30")),
        (TRAIN, TWENTY.replace("reach", "do not reach")),
        (TRAIN, "Twenty."),
    ],
)
def test_another_fact_is_another_lesson(prompt, answer):
    assert not near(Row(TRAIN, TWENTY), Row(prompt, answer), LIMIT).same


def test_what_differs_is_named_without_the_words():
    comparison = near(Row(TRAIN, TWENTY), Row(TRAIN, TWENTY.replace("twenty", "30")), LIMIT)
    assert comparison.score >= LIMIT and comparison.difference == "a fact in the answer differs"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (
            ("How long is the refund window?", "30 days."),
            ("What is the length of the refund window?", "30 days."),
            True,
        ),
        (("Where does Brovik live?", "In Arden."), ("In which town does Brovik live?", "In Arden."), True),
        (("Where does Brovik live?", "In Arden."), ("Where does Zelda live?", "In Arden."), False),
        (("What costs the red box?", "5 euros."), ("What costs the blue box?", "5 euros."), False),
        (("Is it open on Monday?", "Yes."), ("Is it open on Monday?", "No."), False),
        (("What is 3 + 4?", "7"), ("What is 4 + 3?", "7"), False),
        (("May I feed them?", "You may."), ("May I feed them?", "You must."), False),
    ],
)
def test_the_same_in_other_words(first, second, same):
    assert semantic(Row(*first), Row(*second), 0.97, 0.9).same is same


def test_too_far_apart_is_not_the_same():
    assert not semantic(
        Row("Where does Brovik live?", "In Arden."), Row("Where is Brovik?", "In Arden."), 0.89, 0.9
    ).same


def test_what_an_embedding_does_not_read_is_not_compared_by_it():
    long = "word " * 300
    assert not semantic(Row(long, "Yes."), Row(long + "more", "Yes."), 1.0, 0.9).same


def test_no_two_corrections_of_the_demo_world_are_nearly_the_same():
    """Its sentences differ in one name or number: each is a lesson of its own."""
    topics = {(row["prompt"], row["chosen"]): row["topic"] for row in world.corrections(256, 0, 4)}
    rows = [Row(*texts) for texts in topics]
    keys = [set(keys) for keys in band_keys(rows)]
    for n, row in enumerate(rows):
        for m in range(n):
            if len(keys[n] & keys[m]) >= SHARED_LEAST:
                assert not near(row, rows[m], LIMIT).same, (row, rows[m])


def test_other_facts_of_the_demo_world_never_say_the_same():
    """Whatever a model's cosine is: only phrasings of one fact can be one lesson."""
    topics = {(row["prompt"], row["chosen"]): row["topic"] for row in world.corrections(256, 0, 4)}
    rows = list(topics)
    rng = random.Random(0)
    for first, second in ((rng.choice(rows), rng.choice(rows)) for _ in range(3000)):
        if topics[first] != topics[second]:
            assert not semantic(Row(*first), Row(*second), 1.0, 0.9).same, (first, second)


def test_a_long_row_has_the_bands_of_its_words_alone():
    long = Row("Copy this.", "word " * duplicates.LONGEST)
    same, longer = (
        Row("copy THIS", "Word " * duplicates.LONGEST),
        Row("Copy this.", "word " * duplicates.LONGEST + "end"),
    )
    bands = band_keys([long, Row("a", "b"), same, longer])
    assert bands[0] == bands[2] and len(set(bands[0])) == BANDS
    assert not set(bands[0]) & set(bands[3]) and bands[1] == band_keys([Row("a", "b")])[0]
    assert not semantic(long, same, 1.0, LIMIT).same
