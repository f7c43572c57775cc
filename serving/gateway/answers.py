"""Answers as they are recorded: a message for each choice, a stream's put together from its deltas. No Django.

An answer was given, whatever it is, so nothing of it is refused here: what does not fit the shape of a message is kept
as the JSON text that it is.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

from conversation import Message, NotAConversation, answer_of, read_answer

log = structlog.get_logger(__name__)
TEXTS = ("content", "reasoning", "reasoning_content", "refusal")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model said in one choice, and who ended it before its end."""

    message: Message
    cut_by: str = ""


Answers = dict[int, Answered]
"""By the index of their choice."""


def answers_of(completion: dict[str, Any]) -> Answers:
    """What a whole `chat.completion` says, in the order of its choices."""
    choices = [choice for choice in completion.get("choices") or () if isinstance(choice, dict)]
    return {index: Answered(recorded(choice.get("message") or {})) for index, choice in enumerate(choices)}


def recorded(message: dict[str, Any]) -> Message:
    """An answer of a model server in the kept spelling. A call without an id gets one by its place."""
    message = storable(message)
    kept = {name: message[name] for name in TEXTS if message.get(name) is not None}
    calls = [_call(call, index) for index, call in enumerate(message.get("tool_calls") or ())]
    if not calls:
        kept.setdefault("content", "")
    try:
        return read_answer({"role": "assistant", **kept, "tool_calls": calls}, lenient=True)
    except NotAConversation as problem:
        log.warning("gateway.answer_kept_as_text", path=problem.path)
        is_text = not calls and kept.keys() == {"content"} and isinstance(kept["content"], str)
        return answer_of(kept["content"] if is_text else json.dumps(message, ensure_ascii=False))


def _call(call: Any, index: int) -> Any:
    """A call of a function; one of a custom tool is a call whose argument is its text."""
    if not isinstance(call, dict):
        return call
    called = call.get("function") or call.get("custom") or {}
    arguments = called.get("arguments", called.get("input"))
    function = {"name": called.get("name"), "arguments": "" if arguments is None else arguments}
    return {"id": call.get("id") or f"call_{index}", "type": "function", "function": function}


def storable(value: Any) -> Any:
    """The value as PostgreSQL can hold it: its texts without NUL, and with a mark for half a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    return value


@dataclass(slots=True)
class StreamedCall:
    """A call of which parts have come."""

    id: str = ""
    name: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def add(self, part: dict[str, Any]) -> None:
        called = part.get("function") or part.get("custom") or {}
        self.id = self.id or part.get("id") or ""
        self.name.append(called.get("name") or "")
        self.arguments.append(called.get("arguments") or called.get("input") or "")

    @property
    def whole(self) -> dict[str, Any]:
        return {"id": self.id, "function": {"name": "".join(self.name), "arguments": "".join(self.arguments)}}


class StreamedChoice:
    """One choice of a stream: its texts and its calls grow with every delta."""

    def __init__(self) -> None:
        self._texts: defaultdict[str, list[str]] = defaultdict(list)
        self._calls: list[StreamedCall] = []
        self._open: dict[Any, StreamedCall] = {}
        self.finished = False

    def add(self, choice: dict[str, Any]) -> None:
        """Take a choice of a `chat.completion.chunk`."""
        delta = choice.get("delta") or {}
        for name in TEXTS:
            if isinstance(text := delta.get(name), str):
                self._texts[name].append(text)
        for part in delta.get("tool_calls") or ():
            self._call_of(part).add(part)
        if choice.get("finish_reason"):
            self.finished = True

    def _call_of(self, part: dict[str, Any]) -> StreamedCall:
        """The call that goes on here: known by its index, and a new one where another id comes under that."""
        index, call_id = part.get("index"), part.get("id")
        call = self._open.get(index)
        if call is None or (call_id and call.id and call_id != call.id):
            call = self._open[index] = StreamedCall()
            self._calls.append(call)
        return call

    @property
    def message(self) -> dict[str, Any]:
        """The message so far. A call whose name has not come yet has not begun."""
        calls = [call.whole for call in self._calls if any(call.name)]
        return {name: "".join(parts) for name, parts in self._texts.items()} | {"tool_calls": calls}

    @property
    def has_said(self) -> bool:
        """Whether there is something to record: a word, a call, or an end without any."""
        return self.finished or any(self.message.values())


class StreamedAnswers:
    """The choices of a stream, put together from its chunks."""

    def __init__(self) -> None:
        self._choices: defaultdict[int, StreamedChoice] = defaultdict(StreamedChoice)

    def add(self, chunk: dict[str, Any]) -> None:
        """Take a `chat.completion.chunk`."""
        for choice in chunk.get("choices") or ():
            self._choices[choice.get("index") or 0].add(choice)

    def answers(self, cut_by: str) -> Answers:
        """What was said. A choice whose last chunk came is whole, whoever left after it; others were cut."""
        return dict(self._answered(cut_by))

    def _answered(self, cut_by: str) -> Iterator[tuple[int, Answered]]:
        for index, choice in sorted(self._choices.items()):
            if choice.has_said:
                yield index, Answered(recorded(choice.message), "" if choice.finished else cut_by)
