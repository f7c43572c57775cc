"""Conversations in a line, for lists: what an answer says and calls, and where in a conversation a path leads."""

import re
from dataclasses import dataclass, field

from conversation.shape import answer_of, content_text

MESSAGE = re.compile(r"messages\[(\d+)\](?:\.(.*))?")
TOOL = re.compile(r"tools\[(\d+)\].*")
CALL = re.compile(r"tool_calls\[(\d+)\]\.(.*)")
NAMED = {"prompt": "the question", "answer": "the answer"}


@dataclass(frozen=True, slots=True)
class Line:
    """An answer as a row of a list shows it: its words, and each call with its name and arguments."""

    words: str
    calls: list[tuple[str, str]] = field(default_factory=list)


def line_of(text: str, stored: str = "") -> Line:
    """Of an answer as it is stored: its text, and JSON where it is more than that."""
    if not stored:
        return Line(text)
    answer = answer_of(text, stored)
    functions = [call["function"] for call in answer.get("tool_calls", ())]
    words = content_text(answer.get("content"))
    return Line(words, [(one["name"], " ".join(one["arguments"].split())) for one in functions])


def place_name(path: str) -> str:
    """A path as a reader counts: `messages[4].content` is message 5, `answer.content` the answer."""
    if found := MESSAGE.fullmatch(path):
        return f"message {int(found[1]) + 1}" + _within(found[2] or "")
    if found := TOOL.fullmatch(path):
        return f"tool {int(found[1]) + 1}"
    place, _, inner = path.partition(".")
    return NAMED.get(place, path) + (_within(inner) if place in NAMED else "")


def _within(path: str) -> str:
    """What part of a message; its words go without saying."""
    if found := CALL.fullmatch(path):
        part = "arguments" if found[2].endswith("arguments") else "name"
        return f", {part} of call {int(found[1]) + 1}"
    return f", {path}" if path in ("reasoning", "name") else ""
