"""Dress comes off, words stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decontamination.normalise import words, words_with_spans
from tests.support.growth import grows_linearly

PLAIN = ["the", "train", "leaves", "at", "nine"]


@pytest.mark.parametrize(
    "dressed",
    [
        "The train leaves at nine",
        "THE  TRAIN\n leaves, at: nine!",
        "The tr\u200bain le\u00adaves at\u2060 ni\ufeffne",
        "Ｔｈｅ ｔｒａｉｎ ｌｅａｖｅｓ ａｔ ｎｉｎｅ",
        "Тhе trаin lеаvеs аt ninе",  # Cyrillic a, e and T
        "Thé tràin léaves ät ñine",
        "<p>The <b>train</b> leaves</p>at&nbsp;nine",
        "**The** _train_ `leaves` at nine",
        "<|im_start|>The train leaves at nine<|im_end|>",
        r"The train\nleaves at\tnine",
        "𝕋𝕙𝕖 𝓽𝓻𝓪𝓲𝓷 𝐥𝐞𝐚𝐯𝐞𝐬 𝚊𝚝 𝖓𝖎𝖓𝖊",
    ],
)
def test_one_text_in_many_dresses(dressed):
    assert words(dressed) == PLAIN


def test_different_words_stay_different():
    assert words("nine wagons") != words("nine waggons")


@given(st.text(max_size=80))
def test_words_are_a_fixed_point(text):
    once = words(text)
    assert words(" ".join(once)) == once


@given(st.text(alphabet=st.characters(codec=None), max_size=80))
def test_spans_belong_to_the_same_words(text):
    spans = words_with_spans(text)
    assert [word for word, _, _ in spans] == words(text)
    assert all(0 <= start < end <= len(text) for _, start, end in spans)


def test_a_span_points_at_the_row_itself():
    text = "Say: tr\u200bain!"
    (_, start, end) = words_with_spans(text)[1]
    assert text[start:end] == "tr\u200bain"


@pytest.mark.parametrize("piece", ["\\", "&", "<", "&aa", "<|a", "</a", "e\u0301", "\ud800", "a ", "🙂", "ب"])
def test_work_is_linear_on_hostile_input(piece):
    once = piece * (150_000 // len(piece))
    assert grows_linearly(lambda: words(once), lambda: words(once * 4))
