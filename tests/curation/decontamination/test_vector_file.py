"""Vectors that were made earlier spare their own model the texts; any other model, or a damaged file, gives none."""

from pathlib import Path

import numpy as np
import pytest

from curation.decontamination.engine import vector_file
from curation.decontamination.engine.encoder import Encoder, bundled_weights

pytestmark = pytest.mark.heavy

TEXTS = ["A train leaves at noon.", "A kettle boils.", "A train leaves at noon."]


@pytest.fixture(scope="module")
def model() -> Encoder:
    return Encoder(bundled_weights())


@pytest.fixture(scope="module")
def stored(model: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vectors") / "some.npz"
    assert vector_file.write(file, model, TEXTS) == 2
    return file


@pytest.fixture
def fresh() -> Encoder:
    """The same model, which has read nothing and is not even loaded."""
    return Encoder(bundled_weights())


def test_the_model_that_made_them_is_not_loaded_for_them(stored, fresh, model):
    assert vector_file.preload(stored, fresh) == 2
    vectors = fresh.encode(TEXTS)
    assert not fresh.is_loaded and fresh.identity == model.identity
    assert np.array_equal(vectors, model.encode(TEXTS).astype(np.float16).astype(np.float32))


def test_a_text_that_is_not_among_them_is_read(stored, fresh, model):
    vector_file.preload(stored, fresh)
    (vector,) = fresh.encode(["A bicycle."])
    assert fresh.is_loaded and vector @ model.encode(["A bicycle."])[0] == pytest.approx(1.0, abs=1e-5)


def test_the_identity_said_is_the_one_the_model_has(stored, fresh):
    vector_file.preload(stored, fresh)
    assert fresh.identity == Encoder(bundled_weights()).identity


def test_another_model_takes_none(stored, fresh, monkeypatch):
    monkeypatch.setattr(fresh, "weights_sha256", lambda: "another")
    assert vector_file.preload(stored, fresh) == 0
    monkeypatch.undo()
    monkeypatch.setattr(fresh, "name", "another")
    assert vector_file.preload(stored, fresh) == 0


def test_a_hubs_name_takes_none(stored):
    assert vector_file.preload(stored, Encoder("somebody/some-model")) == 0


@pytest.mark.parametrize("name", ["keys", "vectors"])
def test_a_changed_array_gives_none(stored, fresh, tmp_path, name):
    with np.load(stored) as whole:
        arrays = {key: whole[key].copy() for key in whole}
    arrays[name][0, 0] += 1
    np.savez(tmp_path / "changed.npz", **arrays)
    assert vector_file.preload(tmp_path / "changed.npz", fresh) == 0


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK"])
def test_a_file_that_cannot_be_read_gives_none(fresh, tmp_path, content):
    if content is not None:
        (tmp_path / "x.npz").write_bytes(content)
    assert vector_file.preload(tmp_path / "x.npz", fresh) == 0


def test_the_same_texts_give_the_same_file(stored, model, tmp_path):
    vector_file.write(tmp_path / "again.npz", model, list(reversed(TEXTS)))
    assert (tmp_path / "again.npz").read_bytes() == stored.read_bytes()
