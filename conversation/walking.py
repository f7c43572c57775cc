"""Each text of a conversation by its path, such as `messages[5].tool_calls[0].function.arguments`."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from conversation.shape import Conversation, Message


class Place(NamedTuple):
    """A text and where it stands. `role` is that of its message, "tools" for what describes the tools."""

    path: str
    text: str
    role: str


def places(conversation: Conversation) -> Iterator[Place]:
    """Every text that is not empty, in order: the messages', then the tools'."""
    for index, message in enumerate(conversation.messages):
        yield from message_places(message, f"messages[{index}]")
    for index, tool in enumerate(conversation.tools):
        yield from leaves(tool, f"tools[{index}]", "tools")


def answer_places(answer: Message, path: str = "answer") -> Iterator[Place]:
    """Every text of an answer that is not empty, such as `answer.content`."""
    yield from message_places(answer, path)


def message_places(message: Message, path: str) -> Iterator[Place]:
    role = message["role"]
    for text, where in _texts(message):
        if text:
            yield Place(f"{path}.{where}", text, role)


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    yield message.get("name", ""), "name"
    yield message.get("reasoning", ""), "reasoning"
    content = message.get("content") or ""
    if isinstance(content, str):
        yield content, "content"
    else:
        for index, part in enumerate(content):
            yield part.get("text", ""), f"content[{index}].text"
            yield part.get("name", ""), f"content[{index}].name"
            yield part.get("url", ""), f"content[{index}].url"
    for index, call in enumerate(message.get("tool_calls", ())):
        yield call["function"]["arguments"], f"tool_calls[{index}].function.arguments"


def leaves(value: Any, path: str, role: str) -> Iterator[Place]:
    """The texts in a JSON value; not the names of its fields."""
    if isinstance(value, str):
        if value:
            yield Place(path, value, role)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}", role)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]", role)


def decoded_arguments(arguments: str) -> str:
    """What a call's arguments say: their texts without JSON's quotes and escapes, a line each.

    An argument spelt `"\\u0057hich"` says "Which". Arguments that are no JSON say what they are.
    """
    try:
        return "\n".join(place.text for place in leaves(json.loads(arguments), "", ""))
    except (ValueError, RecursionError):
        return arguments
