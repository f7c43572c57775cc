"""Where a text comes apart by itself: turns, paragraphs, fenced code, the strings of a JSON record.

An item that stands between other things is compared without them. All is linear in the text.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice, pairwise

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


Block = tuple[int, int]
"""A range of characters."""


def blocks(text: str) -> list[Block]:
    """The parts of a text, at most MOST_BLOCKS, in order; none for a text that is one part."""
    ends = [*dict.fromkeys(match.start() for match in _JOINT.finditer(text)), len(text)]
    if len(ends) == 1:
        return []
    parts: list[Block] = []
    start = before = words = 0
    for end in ends:
        words += len(text[before:end].split(None, LEAST_WORDS))
        before = end
        if words >= LEAST_WORDS:
            parts.append((start, end))
            start, words = end, 0
    if parts and text[start:].strip():  # what is too short to stand for itself belongs to what came before
        parts[-1] = parts[-1][0], len(text)
    return gathered(parts) if len(parts) > 1 else []


def gathered(parts: list[Block]) -> list[Block]:
    """Neighbours joined until there are no more than MOST_BLOCKS: nothing is left out."""
    if len(parts) <= MOST_BLOCKS:
        return parts
    edges = [len(parts) * number // MOST_BLOCKS for number in range(MOST_BLOCKS + 1)]
    return [(parts[first][0], parts[last - 1][1]) for first, last in pairwise(edges)]


# --- records ----------------------------------------------------------------------------------------------------------
def said_in_record(text: str) -> str:
    """What the strings of a JSON record say, a line each; nothing of any other text."""
    plain = text.strip()
    if plain[:1] not in ("{", "[") or plain[-1:] not in ("}", "]") or len(text) > LONGEST_RECORD:
        return ""
    try:
        return "\n".join(islice(strings(json.loads(plain), 0), MOST_VALUES))
    except (ValueError, RecursionError):
        return ""


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
