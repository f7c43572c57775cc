"""The embedding model of the wheel, for tests that embed."""

import pytest

from curation.decontamination.engine.encoder import Encoder


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    model = Encoder.default("")
    assert model is not None
    return model
