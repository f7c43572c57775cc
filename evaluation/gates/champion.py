"""Who the champion is. Only serving knows, and it is below evaluation: it says so here, once, when Django starts."""

from collections.abc import Callable

from training.models import Run

_ask: Callable[[], Run | None] | None = None


def name_champion_by(ask: Callable[[], Run | None]) -> None:
    """`ask` returns the run of the champion release, or None while the base model is champion."""
    global _ask
    _ask = ask


def champion_run() -> Run | None:
    """The run whose model answers people now; None is the base model. Raises RuntimeError where nobody can tell."""
    if _ask is None:
        raise RuntimeError("No one names the champion: serving calls champion.name_champion_by at start.")
    return _ask()
