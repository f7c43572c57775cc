"""Calls of tools in generated text, in the form that Hermes models and their many relatives write:

    <tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>

Source: https://github.com/NousResearch/Hermes-Function-Calling (the prompt format). What is written between the marks
and is no call stays text, marks included: nothing is guessed, nothing that the model said is lost.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

OPEN, CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True)
class Call:
    """A call of a function; `arguments` is JSON text."""

    name: str
    arguments: str
    id: str = field(default_factory=lambda: f"call_{uuid.uuid4().hex[:24]}")

    @property
    def body(self) -> dict[str, Any]:
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


class CallReader:
    """Text as it comes, to text and whole calls. White space around a call belongs to neither."""

    def __init__(self) -> None:
        self.held = ""
        self.calls = 0
        self.follows_call = False

    def add(self, text: str) -> Iterator[str | Call]:
        """What is known by now; what may become a mark, or a call, is held back."""
        self.held += text
        while OPEN in self.held:
            before, _, written = self.held.partition(OPEN)
            spoken = before.rstrip()
            yield from self._spoken(spoken)
            self.held = self.held[len(spoken) :]
            if (found := first_call(written)) is None:
                return
            part, rest = found
            yield from self._called(part) if isinstance(part, Call) else self._spoken(before[len(spoken) :] + part)
            self.held = rest
        spoken = self.held[: len(self.held) - self._undecided()]
        yield from self._spoken(spoken)
        self.held = self.held[len(spoken) :]

    def flush(self) -> Iterator[str]:
        """What was held back, once it is known that no more will come."""
        yield from self._spoken(self.held)
        self.held = ""

    def _spoken(self, text: str) -> Iterator[str]:
        text = text.lstrip() if self.follows_call else text
        if text:
            self.follows_call = False
            yield text

    def _called(self, call: Call) -> Iterator[Call]:
        self.follows_call = True
        self.calls += 1
        yield call

    def _undecided(self) -> int:
        """How many of the last characters may begin a mark, or be white space before one."""
        longest = max((n for n in range(1, len(OPEN)) if self.held.endswith(OPEN[:n])), default=0)
        text = self.held[: len(self.held) - longest]
        return len(self.held) - len(text.rstrip())


def first_call(written: str) -> tuple[str | Call, str] | None:
    """The call at the beginning of what follows a mark, or the text that stands there instead, and the rest.

    None while its end has not come. An end mark inside of an argument does not end the call.
    """
    position = written.find(CLOSE)
    while position >= 0:
        inside, rest = written[:position], written[position + len(CLOSE) :]
        try:
            call = call_of(json.loads(inside))
        except json.JSONDecodeError as problem:
            if problem.msg.startswith("Unterminated string"):
                position = written.find(CLOSE, position + 1)
                continue
            call = None
        except (ValueError, RecursionError):
            call = None
        return call or f"{OPEN}{inside}{CLOSE}", rest
    return None


def call_of(value: Any) -> Call | None:
    """The call that a JSON value describes; None if it is none."""
    if not isinstance(value, dict) or not isinstance(name := value.get("name"), str) or not name:
        return None
    arguments = value.get("arguments")
    if not isinstance(arguments, dict):
        return None
    return Call(name, json.dumps(arguments, ensure_ascii=False))
