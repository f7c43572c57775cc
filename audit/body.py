"""The bytes of an event, which are hashed into the tree: RFC 8785's form of one object."""

import json
from typing import Any

import rfc8785


class BadBody(ValueError):
    """The bytes are no event, or not in the form in which RFC 8785 writes it."""


def read(body: bytes) -> dict[str, Any]:
    """What the bytes say. Raises BadBody."""
    try:
        event = json.loads(body)
        written = rfc8785.dumps(event)
    except (ValueError, TypeError, RecursionError) as problem:
        raise BadBody("RFC 8785 cannot write it") from problem
    if written != body or not isinstance(event, dict):
        raise BadBody("not in the form of RFC 8785")
    return event


def shown(body: bytes) -> str:
    """The bytes for people: indented where they are an event, as they are otherwise."""
    try:
        return json.dumps(read(body), indent=2, ensure_ascii=False)
    except BadBody:
        return body.decode("utf-8", "replace")
