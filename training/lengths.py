"""How long rows are for the configured base, as `curation.screening.lengths` asks for it.

Counted as the engine will: by the same function, with the base's own tokenizer and chat template, in whichever process
asks. Loaded when the first row has to be counted, without torch.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from conversation import Conversation, Message
from curation.checks.lengths import Length
from training.engine.context import context_of
from training.preparation.base_model import BaseMissing, locate, tokenizer_of

NOT_COUNTED = "Its length was not counted: {}"


Row = tuple[str | Conversation, str | Message]
"""What was asked and answered: texts, or a conversation and a message."""


def measure(rows: Sequence[Row]) -> list[Length]:
    """The length of each row for the configured base; the reason where it cannot be counted."""
    name = str(settings.CFT_BASE_MODEL).rstrip("/").rsplit("/", 1)[-1]
    try:
        folder = locate(settings.CFT_BASE_MODEL)
        base = Length(name, tokenizer_of(folder), limit=context_of(folder))
        counter = opened(folder, base.tokenizer)
    except (BaseMissing, OSError, ValueError) as problem:
        return [Length(name, problem=NOT_COUNTED.format(problem))] * len(rows)
    return [counted(counter, row, base) for row in rows]


def limit() -> int | None:
    """How many tokens the configured base takes; None where it says none, or is not on this machine."""
    try:
        return context_of(locate(settings.CFT_BASE_MODEL))
    except (BaseMissing, OSError, ValueError):
        return None


def tokenizer() -> str:
    """What decides the counts of the configured base; empty where it is not on this machine."""
    try:
        return tokenizer_of(locate(settings.CFT_BASE_MODEL))
    except (BaseMissing, OSError):
        return ""


@lru_cache(maxsize=1)
def opened(folder: Path, tokenizer: str) -> Any:
    """The base's tokenizer, kept until its files change. Raises ValueError where there is none."""
    from training.engine.errors import EngineError
    from training.engine.tokenizer import load_counter

    try:
        return load_counter(folder)
    except EngineError as problem:
        raise ValueError(problem.message) from problem


def counted(counter: Any, row: Row, base: Length) -> Length:
    from training.engine.encoding import Unencodable, encode
    from training.engine.errors import EngineError

    try:
        return replace(base, tokens=len(encode(counter, *row)))
    except Unencodable as problem:
        return replace(base, problem=problem.message, unwritable=True)
    except EngineError as problem:
        return replace(base, problem=NOT_COUNTED.format(problem.message))
