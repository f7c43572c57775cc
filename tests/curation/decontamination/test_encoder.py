"""A text is read by the model once, however often and by whomever it is asked for."""

import threading
from typing import Any

import numpy as np
import pytest

from curation.decontamination import meaning
from curation.decontamination.engine import encoder as engine
from curation.decontamination.engine.encoder import Encoder, VectorCache, key_of
from curation.models import DIMENSIONS


@pytest.fixture(scope="module")
def model() -> Encoder:
    found = Encoder.default("")
    assert found is not None
    return found


@pytest.fixture
def encoder(model: Encoder, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """The model, having forgotten everything; `read` is what it has read since."""
    monkeypatch.setattr(model, "_cache", VectorCache(engine.CACHED_TEXTS))
    return model


@pytest.fixture
def read(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    original = encoder._embed

    def reading(texts: Any) -> Any:
        found.extend(texts)
        return original(texts)

    monkeypatch.setattr(encoder, "_embed", reading)
    return found


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
    known = VectorCache(2)
    one, two, three = (key_of(text) for text in ("one", "two", "three"))
    known.add({one: np.ones(1), two: np.ones(1)})
    known.get([one])
    known.add({three: np.ones(1)})
    assert set(known.get([one, two, three])) == {one, three}


def test_several_threads_may_ask():
    known, problems = VectorCache(50), []

    def ask(start: int) -> None:
        try:
            for number in range(start, start + 2_000):
                key = key_of(str(number % 97))
                known.add({key: np.ones(1)})
                known.get([key])
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    assert problems == [] and len(known._vectors) == 50


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
    assert meaning.text_to_embed(prompt, answer) == meaning.row_passages(0, prompt, answer)[0].text


def test_half_precision_is_the_same_vector_within_a_ten_thousandth(encoder, monkeypatch):
    texts = ["A freight train leaves Arden at nine with forty wagons of gravel.", "Who owns the red kettle?", ""]
    full = encoder._embed(texts)
    monkeypatch.setattr(encoder, "_half", True)
    half = encoder._embed(texts)
    assert half.dtype == np.float32 and not (half == full).all()
    assert (half * full).sum(axis=1).min() > 0.9995
