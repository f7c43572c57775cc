"""From tokens to text: nothing is lost, nothing shows too early."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from serving.engine.decoding import Sampler, Sampling, StopFilter, TextStream, adjusted, likely, top_p_filter
from tests.support.runs import BASE
from training.engine.tokenizer import load_tokenizer

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


LOGITS = torch.tensor([2.0, -1.0, 0.5, 0.0])


@pytest.mark.parametrize(
    "parameters, expected",
    [
        ({}, [2.0, -1.0, 0.5, 0.0]),
        ({"logit_bias": {1: 5.0, 3: -100.0}}, [2.0, 4.0, 0.5, -100.0]),
        # Token 0 was answered three times, token 1 once, token 2 stands in the prompt only.
        ({"presence_penalty": 0.5}, [1.5, -1.5, 0.5, 0.0]),
        ({"frequency_penalty": 0.5}, [0.5, -1.5, 0.5, 0.0]),
        ({"presence_penalty": -1.0, "frequency_penalty": 1.0}, [0.0, -1.0, 0.5, 0.0]),
        ({"repetition_penalty": 2.0}, [1.0, -2.0, 0.25, 0.0]),
        ({"logit_bias": {0: 2.0}, "repetition_penalty": 2.0, "frequency_penalty": 0.5}, [0.5, -2.5, 0.25, 0.0]),
    ],
)
def test_bias_and_penalties(parameters, expected):
    changed = adjusted(LOGITS, Sampling(**parameters), prompt=[2], answered={0: 3, 1: 1})
    assert changed.tolist() == pytest.approx(expected)
    assert LOGITS.tolist() == [2.0, -1.0, 0.5, 0.0]


@pytest.mark.parametrize(
    "min_p, top_k, kept",
    [
        (0, 0, {0, 1, 2, 3}),
        (0, 1, {0}),
        (0, 3, {0, 2, 3}),
        (0, 9, {0, 1, 2, 3}),
        (0.2, 0, {0, 2}),
        (1, 0, {0}),
        (0.2, 1, {0}),
    ],
)
def test_the_likely_are_kept(min_p, top_k, kept):
    """exp(0.5 - 2) = .22, exp(0 - 2) = .14 of the likeliest."""
    assert {i for i, value in enumerate(likely(LOGITS, min_p, top_k).tolist()) if value > float("-inf")} == kept


def test_each_token_counts_from_when_it_was_answered():
    sampler = Sampler(Sampling(temperature=0, frequency_penalty=1.6))
    assert [sampler.sample(LOGITS) for _ in range(4)] == [0, 2, 0, 3]


def test_only_what_top_k_keeps_is_sampled():
    sampler = Sampler(Sampling(temperature=2.0, top_k=2, seed=1))
    assert {sampler.sample(LOGITS) for _ in range(200)} == {0, 2}
