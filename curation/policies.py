"""Which thresholds an epoch screens with. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from curation.overlap import Policy


def limits(values: Mapping[str, Any] | None) -> dict[str, float]:
    """All thresholds by name: those of a stored policy, and the built-in ones for what it does not say."""
    return asdict(Policy.of(values or {}))
