"""From tokens to text: nothing is lost, nothing shows too early."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from serving.engine.decoding import Sampler, Sampling, StopFilter, TextStream, top_p_filter
from tests.support.runs import BASE
from training.engine.loading import load_tokenizer

TOKENIZER = load_tokenizer(BASE)


@given(st.text(max_size=40))
def test_streamed_text_is_the_decoded_text(text):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    stream = TextStream(TOKENIZER)
    decoded = TOKENIZER.decode(ids, skip_special_tokens=True)
    assert "".join(stream.add(token) for token in ids) == decoded.lstrip()


def test_half_a_character_is_held_back():
    ids = TOKENIZER("é", add_special_tokens=False)["input_ids"]
    assert len(ids) == 2
    stream = TextStream(TOKENIZER)
    assert [stream.add(token) for token in ids] == ["", "é"]


@given(st.lists(st.text("abX", max_size=4), max_size=10), st.lists(st.text("abX", min_size=1, max_size=3), max_size=2))
def test_a_stop_string_never_shows(pieces, stops):
    filtered = StopFilter(stops)
    shown = ""
    for piece in pieces:
        shown += filtered.add(piece)
        if filtered.stopped:
            break
    shown += filtered.flush()
    text = "".join(pieces)
    has_stop = any(stop in text for stop in stops)
    if filtered.stopped:
        assert text.startswith(shown) and not any(stop in shown for stop in stops)
    else:
        assert shown == text and not has_stop


def test_part_of_a_stop_string_is_held_back():
    filtered = StopFilter(["###"])
    assert [filtered.add(piece) for piece in ("a#", "#", "b##", "#c")] == ["a", "", "##b", ""]
    assert filtered.stopped


def test_top_p_keeps_the_fewest_that_reach_top_p():
    filtered = top_p_filter(torch.tensor([0.1, 0.5, 0.15, 0.25]), 0.7)
    assert filtered.tolist() == pytest.approx([0, 0.5, 0, 0.25])


def test_top_p_always_keeps_the_likeliest():
    assert top_p_filter(torch.tensor([0.9, 0.1]), 0.01).tolist() == pytest.approx([0.9, 0])


def test_temperature_zero_is_greedy():
    assert Sampler(Sampling(temperature=0)).sample(torch.tensor([0.0, 3.0, 1.0])) == 1


def test_sampling_follows_the_probabilities():
    sampler = Sampler(Sampling(temperature=1, seed=0))
    logits = torch.tensor([0.25, 0.75]).log()
    share = sum(sampler.sample(logits) for _ in range(2000)) / 2000
    assert share == pytest.approx(0.75, abs=0.04)
