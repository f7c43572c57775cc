"""Where a text comes apart by itself: turns, paragraphs, fenced code, the strings of a JSON record.

An item that stands between other things is compared without them. All is linear in the text.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

LEAST_WORDS = 8
"""A shorter block goes on in the next one: a heading, "Yes.", a name."""
MOST_BLOCKS = 16
LONGEST_RECORD = 200_000  # characters of a text that is read as JSON
MOST_VALUES = 256

_SPEAKERS = "user|assistant|system|human|bot|ai|q|a|question|answer|customer|agent|instruction|input|response|prompt"
_JOINT = re.compile(
    rf"""(?im) ^[ \t]*\n | ^(?=[ \t]*(?:\#{{1,6}}[ \t]*|\*\*|>[ \t]*|<\|?)?(?:{_SPEAKERS})\b[ \t]*(?:[:>]|\|>|\*\*:?))
        | ^(?=[ \t]*(?:```|~~~)) | ^(?=[ \t]*\#{{1,6}}[ \t]) | (?:<\|[a-z_0-9]{{1,30}}\|>|\[/?INST\])""",
    re.VERBOSE,
)


class Block(NamedTuple):
    """A part of a text, and the range of characters it came from."""

    text: str
    start: int
    end: int


def blocks(text: str) -> list[Block]:
    """The parts of a text, at most MOST_BLOCKS, in order; none for a text that is one part."""
    if (values := values_of(text)) is not None:
        return values
    ends = [*dict.fromkeys(match.start() for match in _JOINT.finditer(text)), len(text)]
    if len(ends) == 1:
        return []
    parts: list[Block] = []
    start = before = words = 0
    for end in ends:
        words += len(text[before:end].split(None, LEAST_WORDS))
        before = end
        if words >= LEAST_WORDS:
            parts.append(block(text, start, end))
            start, words = end, 0
    if parts and text[start:].strip():  # what is too short to stand for itself belongs to what came before
        parts[-1] = block(text, parts[-1].start, len(text))
    return gathered(text, parts) if len(parts) > 1 else []


def block(text: str, start: int, end: int) -> Block:
    return Block(text[start:end].strip(), start, end)


def gathered(text: str, parts: list[Block]) -> list[Block]:
    """Neighbours joined until there are no more than MOST_BLOCKS: nothing is left out."""
    if len(parts) <= MOST_BLOCKS:
        return parts
    edges = [len(parts) * number // MOST_BLOCKS for number in range(MOST_BLOCKS + 1)]
    return [block(text, parts[a].start, parts[b - 1].end) for a, b in zip(edges, edges[1:], strict=False)]


# --- records ----------------------------------------------------------------------------------------------------------
def values_of(text: str) -> list[Block] | None:
    """The strings of a JSON record that say something, as one part; None for any other text."""
    plain = text.strip()
    if plain[:1] in ("{", "[") and plain[-1:] in ("}", "]") and len(text) <= LONGEST_RECORD:
        try:
            said = "\n".join(strings(json.loads(plain), 0))
        except (ValueError, RecursionError):
            return None
        return [Block(said, 0, len(text))] if said else []
    return None


def strings(value: object, depth: int) -> Iterator[str]:
    """Every text of a record that is more than a word; a text that is a record itself is opened."""
    if isinstance(value, str):
        inner = value.strip()
        if inner[:1] in ("{", "[") and inner[-1:] in ("}", "]") and depth < 8:
            try:
                yield from strings(json.loads(inner), depth + 1)
                return
            except (ValueError, RecursionError):
                pass
        if len(value.split(None, 1)) > 1:
            yield value
    elif isinstance(value, dict) and depth < 32:
        for inside in value.values():
            yield from strings(inside, depth + 1)
    elif isinstance(value, list) and depth < 32:
        for inside in value:
            yield from strings(inside, depth + 1)
