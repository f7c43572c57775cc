"""A conversation and an answer as values: how they are stored, what tells them apart, the text that they read as.

The short form is what most interactions are: one question of a user, answered by a text. It is stored as two texts and
nothing else (""); everything else is stored as JSON beside the text that it reads as. Its keys stand in the order in
which they came: a chat template writes a tool's keys in their order, so the same tool in another order is another
prompt. What tells one conversation from another is its RFC 8785 form, in which that order says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import rfc8785

Message = dict[str, Any]
REFERENCE = "reference"
"""The type of a part that stands for an image, a sound or a file: what it is, its size and SHA-256, not the bytes."""


@dataclass(frozen=True)
class Conversation:
    """Messages up to where the model answers, in the spelling of `reading`, and the tools that it could call."""

    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, prompt: str, stored: str = "") -> Conversation:
        """The stored conversation: as its JSON says, where it has any, else the question `prompt` of a user."""
        if not stored:
            return cls([{"role": "user", "content": prompt}])
        whole = json.loads(stored)
        return cls(whole["messages"], whole.get("tools", []))

    @property
    def short(self) -> str | None:
        """The question, where that is all: one text of a user and no tools. None for anything more."""
        if self.tools or len(self.messages) != 1:
            return None
        [message] = self.messages
        content = message.get("content")
        return content if message.keys() == {"role", "content"} and is_question(message, content) else None

    @property
    def stored(self) -> str:
        """As JSON. Empty for the short form, whose text says it all."""
        return "" if self.short is not None else json_text(self._whole())

    def _whole(self) -> dict[str, Any]:
        return {"messages": self.messages} | ({"tools": self.tools} if self.tools else {})

    @property
    def spelling(self) -> str:
        """What tells it from every other conversation: the question alone, or, behind a NUL, its RFC 8785 form."""
        short = self.short
        return short if short is not None else f"\0{canonical(self._whole())}"

    @property
    def text(self) -> str:
        """As it reads: the question alone, or a line for each message that names its role, and one for each call."""
        short = self.short
        return short if short is not None else lines_of(self.messages)

    @property
    def opening(self) -> str:
        """As it reads up to its first user message: the same in every later turn."""
        first = next((i for i, message in enumerate(self.messages) if message["role"] == "user"), len(self.messages))
        return lines_of(self.messages[: first + 1])

    @property
    def turn(self) -> int:
        """Which turn is answered: how often the user has spoken, from 1."""
        return max(1, sum(message["role"] == "user" for message in self.messages))

    @property
    def reference_path(self) -> str:
        """Where the first image, sound or file stands, such as `messages[0].content[1]`; empty where there is none."""
        for index, message in enumerate(self.messages):
            content = message.get("content")
            for number, part in enumerate(content if isinstance(content, list) else ()):
                if part["type"] == REFERENCE:
                    return f"messages[{index}].content[{number}]"
        return ""


def definition_of(tool: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What a tool says of itself, and below which field: in the tool itself ("") where that is of no form known here.

    The gateway takes tools of every form, because the model server judges them.
    """
    for field_name in ("function", "custom"):
        if isinstance(inner := tool.get(field_name), dict):
            return f".{field_name}", inner
    return "", tool


def name_of(tool: dict[str, Any]) -> str:
    """The name by which a tool is called; empty where it says none."""
    name = definition_of(tool)[1].get("name")
    return name if isinstance(name, str) else ""


def functions_of(tools: Sequence[dict[str, Any]]) -> list[str]:
    """The names by which these tools are called."""
    return [name for tool in tools if (name := name_of(tool))]


def is_question(message: Message, content: Any) -> bool:
    return message["role"] == "user" and isinstance(content, str)


def answer_of(text: str, stored: str = "") -> Message:
    """The stored answer as a message: as its JSON says, where it has any, else a text of the assistant."""
    message: Message = json.loads(stored) if stored else {"role": "assistant", "content": text}
    return message


def stored_answer(answer: Message) -> str:
    """An answer as JSON. Empty for a text and nothing else."""
    is_text = answer.keys() == {"role", "content"} and isinstance(answer["content"], str)
    return "" if is_text else json_text(answer)


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def canonical(value: Any) -> str:
    """RFC 8785: equal for equal values, whatever the order of keys; 1.0 is 1, and true is not.

    A number beyond 2⁵³, such as the `maximum` of a schema, has no form there: then sorted JSON, which keeps its digits.
    """
    try:
        return rfc8785.dumps(value).decode()
    except rfc8785.CanonicalizationError:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def answer_spelling(answer: Message) -> str:
    """What tells an answer from every other: its text alone, or, behind a NUL, its RFC 8785 form."""
    return f"\0{canonical(answer)}" if stored_answer(answer) else str(answer["content"])


def answer_text(answer: Message) -> str:
    """An answer as it reads: its text, then a line for each call, such as `[calls weather({"city": "Oslo"})]`."""
    written = [content_text(answer.get("content")), *map(call_text, answer.get("tool_calls", ()))]
    return "\n".join(text for text in written if text)


def lines_of(messages: Sequence[Message]) -> str:
    return "\n".join(f"{message['role']}: {answer_text(message)}" for message in messages)


def content_text(content: Any) -> str:
    """The text of a message's content; a part that is no text is named in brackets."""
    if not isinstance(content, list):
        return content or ""
    return "".join(part["text"] if part["type"] == "text" else reference_text(part) for part in content)


def reference_text(part: dict[str, Any]) -> str:
    """What a reference stands for, such as `[image image/png, 68 bytes]`."""
    known = [part.get("name", ""), part.get("media_type", ""), f"{part['bytes']} bytes" if "bytes" in part else ""]
    return f"[{' '.join([part['kind'], ', '.join(filter(None, known))]).rstrip()}]"


def call_text(call: dict[str, Any]) -> str:
    return f"[calls {call['function']['name']}({call['function']['arguments']})]"
