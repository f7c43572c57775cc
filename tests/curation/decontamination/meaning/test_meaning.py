"""Rewordings are found by what they mean; problems from one template are not taken for each other."""

from collections import Counter

import numpy as np
import pytest

from curation.decontamination.engine.encoder import OFF, Encoder
from curation.decontamination.meaning import comparing
from curation.decontamination.meaning.comparing import Meaning
from curation.decontamination.meaning.passages import (
    MOST_WINDOWS,
    STRIDE,
    WINDOW,
    is_foreign,
    is_read_completely,
    passages,
    readable,
    row_passages,
    spans_of,
)
from curation.decontamination.overlap import Policy
from curation.decontamination.terms import idf_weights, terms

pytestmark = pytest.mark.heavy

KEY = b"a key of at least sixteen bytes"
ITEMS = [
    (
        "A baker sells 40 loaves in the morning and 25 in the afternoon at 3 dollars each. What does she earn?",
        "She sells 40 + 25 = 65 loaves, so she earns 65 * 3 = 195 dollars.",
    ),
    ("Which treaty ended the war between the two kingdoms of the northern islands?", "The treaty of Vell."),
]
ITEMS_WITH_IDS = [(f"item {number}", "exam", *item) for number, item in enumerate(ITEMS)]
REWORDED = (
    "In the morning a baker manages to sell forty loaves, and 25 more after noon. If a loaf costs $3, how much money"
    " does she take over the day?"
)
SAME_TEMPLATE = (
    "A baker sells 12 loaves in the morning and 70 in the afternoon at 5 dollars each. What does she earn that day?"
)
UNRELATED = "How do I change the ink cartridge of my printer without making a mess on the desk?"


@pytest.fixture(scope="module")
def opened(encoder: Encoder) -> Meaning:
    return Meaning(comparing.build_arrays(ITEMS_WITH_IDS, encoder, [UNRELATED], KEY), KEY)


def near(opened: Meaning, encoder: Encoder, text: str) -> comparing.Nearness:
    compared = row_passages(0, text, "")
    vectors = encoder.encode([passage.text for passage in compared])
    return opened.compare(compared, vectors, Policy()).get(0, comparing.Nearness())


def test_a_rewording_names_its_item(opened: Meaning, encoder: Encoder) -> None:
    nearest = near(opened, encoder, REWORDED).nearest
    assert nearest is not None
    assert nearest.item == 0
    assert nearest.score >= nearest.limit


def test_other_numbers_in_the_same_words_are_of_its_template_and_no_rewording(
    opened: Meaning, encoder: Encoder
) -> None:
    found = near(opened, encoder, SAME_TEMPLATE)
    assert found.nearest is None
    assert found.template is not None
    assert (found.template.item, found.template.cosine > 0.8) == (0, True)  # the embedding alone would take it
    assert near(opened, encoder, REWORDED).template is None


def test_an_unrelated_text_comes_near_nothing(opened: Meaning, encoder: Encoder) -> None:
    assert near(opened, encoder, UNRELATED) == comparing.Nearness()


def test_clean_texts_near_an_item_raise_its_limit(encoder: Encoder) -> None:
    calibrated = Meaning(comparing.build_arrays(ITEMS_WITH_IDS, encoder, [SAME_TEMPLATE], KEY), KEY)
    nearest = near(calibrated, encoder, REWORDED).nearest
    assert nearest is not None
    assert nearest.limit == pytest.approx(Policy().meaning_limit(nearest.background))
    assert nearest.background > 0.55


def test_an_item_that_takes_no_part_is_not_found(opened: Meaning, encoder: Encoder) -> None:
    compared = row_passages(0, REWORDED, "")
    vectors = encoder.encode([passage.text for passage in compared])
    only_second = np.array([False, True])
    assert all(
        found.nearest is None or found.nearest.item == 1
        for found in opened.compare(compared, vectors, Policy(), allowed=only_second).values()
    )
    assert not opened.compare(compared, vectors, Policy(), excluded={0: range(2)})


def test_full_width_and_look_alike_letters_are_read_as_what_they_show() -> None:
    assert readable("Ｈｏｗ ｍａｎｙ") == "how many"
    assert readable("hоw mаny eggs").split() == ["how", "many", "eggs"]


def test_another_script_is_left_as_it_is_and_known_as_foreign() -> None:
    text = "Сколько яиц она продаёт каждый день на рынке?"
    assert readable(text) == text
    assert is_foreign(text)
    assert not is_foreign("Combien d’œufs vend-elle chaque jour au marché ?")


def test_numbers_are_the_same_however_they_are_written() -> None:
    assert terms("three thousand eggs, twice")[1] == terms("3 1000 eggs 2")[1] == Counter({"3": 1, "1000": 1, "2": 1})
    assert terms("forty-eight of them, the twenty first day")[1] == terms("48 of them, the 21st day")[1]
    assert terms("He paid 3,000 on the 2nd day")[1] == Counter({"3000": 1, "2": 1})


def test_a_word_in_every_text_says_least() -> None:
    weights = idf_weights([frozenset({1, 2}), frozenset({1})], [frozenset({1})])
    assert weights[1] == pytest.approx(np.log(4 / 3.5))
    assert weights[2] == pytest.approx(np.log(4 / 1.5))


def test_a_long_text_is_compared_in_a_bounded_number_of_passages() -> None:
    text = "word " * 200_000
    windows = list(passages(0, text))
    assert len(windows) == MOST_WINDOWS
    assert windows[0].start == 0
    assert windows[-1].end == len(text.rstrip())


@pytest.mark.parametrize("text", ["", " ", "\ud800", "x" * 1_000_000, "ﷺ" * 1000, "🙂" * 1000, "\x00"])
def test_any_text_has_passages_and_vectors(encoder: Encoder, text: str) -> None:
    compared = row_passages(0, text, "")
    vectors = encoder.encode([passage.text for passage in compared])
    assert vectors.shape == (len(compared), encoder.dimensions)
    assert np.isfinite(vectors).all()


def test_vectors_have_length_one_and_the_model_has_a_name(encoder: Encoder) -> None:
    assert np.linalg.norm(encoder.encode([REWORDED]), axis=1) == pytest.approx([1.0], abs=1e-5)
    assert encoder.name == "all-MiniLM-L6-v2"
    assert len(encoder.revision) == 16


def test_embeddings_can_be_off() -> None:
    assert Encoder.default(OFF) is None


def test_an_english_answer_behind_a_foreign_question_is_compared(opened: Meaning, encoder: Encoder) -> None:
    row = ("Сколько она заработала за этот день на рынке, и почему именно столько?", REWORDED)
    comparable, nearest = opened.measure([row], [0], encoder, Policy(), None)
    assert comparable == [0]
    found = nearest[0].nearest
    assert found is not None
    assert found.item == 0
    [span] = spans_of(row, found.start, found.end)
    assert (span.part, row[1][span.start : span.end]) == ("answer", REWORDED)


def test_what_is_beyond_the_passages_is_known() -> None:
    most = WINDOW + STRIDE * (MOST_WINDOWS - 1)
    assert is_read_completely("word " * (most - 3), "three more words")
    assert not is_read_completely("word " * most, "more")


def test_the_first_line_of_a_text_is_compared_for_itself() -> None:
    assert [passage.text for passage in row_passages(0, "Who owns it?\nAnswer:\n#### 18", "")][1:] == ["Who owns it?"]
    assert len(row_passages(0, "Who owns it?", "")) == 1
