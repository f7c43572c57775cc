"""Batches are worked on under a lease: what is compiled on first use is compiled before, not within one."""

import pytest

from curation.screening.warm_up import warm


@pytest.fixture(scope="package", autouse=True)
def compiled() -> None:
    warm()
