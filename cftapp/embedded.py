"""Embedded PostgreSQL and Redis (being written)."""

from collections.abc import MutableMapping


def adopt_environment(environment: MutableMapping[str, str]) -> None:
    return
