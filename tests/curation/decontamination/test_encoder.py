"""A text is read by the model once, however often and by whomever it is asked for."""

import threading
from typing import Any

import numpy as np
import pytest

from curation.decontamination.engine import encoder as engine
from curation.decontamination.engine.encoder import Encoder, VectorCache, key_of
from curation.decontamination.meaning import passages
from curation.models import DIMENSIONS

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def model() -> Encoder:
    encoder = Encoder.default("")
    assert encoder is not None
    return encoder


@pytest.fixture
def encoder(model: Encoder, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """The model, having forgotten everything; `read` is what it has read since."""
    monkeypatch.setattr(model, "_cache", VectorCache(engine.CACHED_TEXTS))
    return model


@pytest.fixture
def read(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts_read: list[str] = []
    original = encoder._embed

    def reading(texts: Any) -> Any:
        texts_read.extend(texts)
        return original(texts)

    monkeypatch.setattr(encoder, "_embed", reading)
    return texts_read


def test_equal_texts_of_one_call_are_read_once(encoder, read):
    vectors = encoder.encode(["A train.", "A kettle.", "A train."])
    assert read == ["A train.", "A kettle."] and vectors.shape == (3, DIMENSIONS)
    assert (vectors[0] == vectors[2]).all() and not np.allclose(vectors[0], vectors[1])


def test_a_text_of_the_call_before_is_not_read_again(encoder, read):
    first = encoder.encode(["A train."])
    second = encoder.encode(["A kettle.", "A train."])
    assert read == ["A train.", "A kettle."] and (second[1] == first[0]).all()


def test_what_was_answered_cannot_be_changed_from_outside(encoder, read):
    encoder.encode(["A train."])[:] = 0
    assert np.linalg.norm(encoder.encode(["A train."])[0]) == pytest.approx(1.0, abs=1e-5)


def test_surrogates_and_nothing_at_all(encoder):
    assert encoder.encode([]).shape == (0, DIMENSIONS)
    assert encoder.encode(["half \ud800 a character"]).shape == (1, DIMENSIONS)


def test_so_many_are_remembered_and_those_asked_for_stay_longest():
    cache = VectorCache(2)
    first, second, third = (key_of(text) for text in ("one", "two", "three"))
    cache.add({first: np.ones(1), second: np.ones(1)})
    cache.get([first])
    cache.add({third: np.ones(1)})
    assert set(cache.get([first, second, third])) == {first, third}


def test_several_threads_may_ask():
    cache, problems = VectorCache(50), []

    def ask(start: int) -> None:
        try:
            for number in range(start, start + 2_000):
                key = key_of(str(number % 97))
                cache.add({key: np.ones(1)})
                cache.get([key])
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    assert problems == [] and len(cache._vectors) == 50


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("How long is the refund window?", "It is thirty days for all annual plans."),
        ("Ｈｏｗ ｌｏｎｇ?", "<b>Thirty</b> days, that is."),
        ("", "Thirty days."),
        ("How long?", ""),
    ],
)
def test_a_rows_signature_and_its_first_passage_are_one_text(prompt, answer):
    assert passages.text_to_embed(prompt, answer) == passages.row_passages(0, prompt, answer)[0].text


def test_half_precision_is_the_same_vector_within_a_ten_thousandth(encoder, monkeypatch):
    texts = ["A freight train leaves Arden at nine with forty wagons of gravel.", "Who owns the red kettle?", ""]
    full = encoder._embed(texts)
    monkeypatch.setattr(encoder, "_half", True)
    half = encoder._embed(texts)
    assert half.dtype == np.float32 and not (half == full).all()
    assert (half * full).sum(axis=1).min() > 0.9995
