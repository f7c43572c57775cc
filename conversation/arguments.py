"""The arguments of a call as a reader compares them: as JSON, where the order and spacing of keys are no difference."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from conversation.shape import canonical

Path = tuple[str | int, ...]
PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*")


class Change(NamedTuple):
    """A value that is not what it was. None: there was none, or there is none any more."""

    key: str
    before: str | None
    after: str | None


def read_arguments(text: str) -> Any:
    """The value. ValueError for what is no JSON, or says two things under one key."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as problem:
        raise ValueError("too deeply nested") from problem


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a key twice")
    return named


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def call_spelling(function: dict[str, Any]) -> str:
    """What tells a call from every other: its name, and its arguments as values, or as the text that is no JSON.

    The order and spacing of keys say nothing, and 1.0 is 1.
    """
    try:
        return canonical([function["name"], json.loads(function["arguments"])])
    except (ValueError, RecursionError):
        return canonical([function["name"], function["arguments"]])


def pretty(text: str) -> str:
    """Arguments as indented JSON; those that are none as they came."""
    try:
        return json.dumps(read_arguments(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def changes(before: str, after: str) -> list[Change] | None:
    """What differs, key by key, in the order of `after`, what went last. None where one of them is no JSON."""
    try:
        old, new = (dict(_leaves(read_arguments(text), ())) for text in (before, after))
    except (ValueError, RecursionError):
        return None
    same = {path for path in old.keys() & new.keys() if canonical(old[path]) == canonical(new[path])}
    paths = [path for path in dict.fromkeys([*new, *old]) if path not in same]
    return [Change(_key(path), _shown(old, path), _shown(new, path)) for path in paths]


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Each value that holds no other, by its path; so is an empty object or list in there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _leaves(one, (*path, name))
    if not (isinstance(value, dict | list) and value) and (path or value != {}):
        yield path, value


def _key(path: Path) -> str:
    """As a reader writes it: `stay.nights[0]["from.to"]`."""
    named = ""
    for step in path:
        if isinstance(step, int):
            named += f"[{step}]"
        elif PLAIN_KEY.fullmatch(step):
            named += f".{step}" if named else step
        else:
            named += f"[{json.dumps(step, ensure_ascii=False)}]"
    return named or "the whole"


def _shown(leaves: dict[Path, Any], path: Path) -> str | None:
    return json.dumps(leaves[path], ensure_ascii=False) if path in leaves else None
