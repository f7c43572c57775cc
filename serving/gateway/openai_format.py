"""The format of OpenAI's chat completions, as far as the gateway supports it: requests, chunks, errors. No Django.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
from dataclasses import dataclass, field
from typing import Any

from cftapp.base import strict_json

MAX_BODY_BYTES = 1_000_000
MAX_MESSAGES = 400
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
# Not passed on: who the user is, is nobody's business behind the gateway.
NOT_FORWARDED = frozenset({"model", "messages", "stream", "user", "safety_identifier", "metadata", "store"})


class GatewayError(Exception):
    """An error with its HTTP status, in the format that OpenAI clients understand. `param` names the field."""

    def __init__(self, status: int, message: str, *, kind: str = "", code: str = "", param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
        self.code = code or None
        self.param = param

    def body(self) -> dict[str, Any]:
        """`{"error": {...}}`, as in an error response or in an error event of a stream."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A parsed request. `options` are the fields that are passed on as they came (temperature, max_tokens, ...)."""

    model: str
    messages: list[dict[str, str]]
    stream: bool
    subject_key: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def forwarded(self) -> dict[str, Any]:
        """What the model server is sent of it."""
        return {**self.options, "messages": self.messages}

    @property
    def prompt(self) -> str:
        """The interaction's prompt: a single message as it is, a conversation with its roles."""
        if len(self.messages) == 1:
            return self.messages[0]["content"]
        return "\n".join(f"{message['role']}: {message['content']}" for message in self.messages)

    @property
    def opening(self) -> str:
        """The conversation up to its first user message: the same in every later turn of it."""
        lines: list[str] = []
        for message in self.messages:
            lines.append(f"{message['role']}: {message['content']}")
            if message["role"] == "user":
                break
        return "\n".join(lines)


def parse_chat(raw: bytes) -> ChatRequest:
    """Parse the body of `POST /v1/chat/completions`. GatewayError 400 or 413 names the field that is wrong."""
    if len(raw) > MAX_BODY_BYTES:
        raise GatewayError(413, f"The body holds {len(raw)} bytes; at most {MAX_BODY_BYTES} are accepted.")
    try:
        body = strict_json.read(raw)
    except strict_json.NotJson as problem:
        raise GatewayError(400, str(problem), code="invalid_json", param=problem.path or None) from problem
    if not isinstance(body, dict):
        raise GatewayError(400, "The body must be a JSON object.")
    if body.get("n") not in (None, 1):
        raise GatewayError(400, "n must be 1: feedback is about one answer.", param="n")
    return ChatRequest(
        model=_text(body, "model"),
        messages=_messages(body.get("messages")),
        stream=_flag(body, "stream"),
        subject_key=_text(body, "user", required=False) or _text(body, "safety_identifier", required=False),
        options={name: value for name, value in body.items() if name not in NOT_FORWARDED},
    )


def _text(body: dict[str, Any], name: str, *, required: bool = True) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value) or len(value) > 512:
        raise GatewayError(400, f"{name} must be a text of at most 512 characters.", param=name)
    return _storable(value, name)


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise GatewayError(400, f"{name} must be true or false.", param=name)
    return value


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_MESSAGES:
        raise GatewayError(400, f"messages must be a list of 1 to {MAX_MESSAGES} messages.", param="messages")
    messages = [_message(item, f"messages[{index}]") for index, item in enumerate(value)]
    if not any(message["role"] == "user" for message in messages):
        raise GatewayError(400, "messages must hold at least one of role user.", param="messages")
    return messages


def _message(item: Any, path: str) -> dict[str, str]:
    if not isinstance(item, dict) or item.get("role") not in ROLES:
        raise GatewayError(400, f"{path}.role must be one of {', '.join(sorted(ROLES))}.", param=f"{path}.role")
    return {"role": item["role"], "content": _content(item.get("content"), f"{path}.content")}


def _content(value: Any, path: str) -> str:
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        value = "".join(part["text"] if _is_text(part) else "\0" for part in value)
    if not isinstance(value, str):
        raise GatewayError(400, f"{path} must be a text, or a list of text parts.", param=path)
    return _storable(value, path)


def _is_text(part: dict[str, Any]) -> bool:
    return part.get("type") == "text" and isinstance(part.get("text"), str)


def _storable(value: str, path: str) -> str:
    """The text, if PostgreSQL can store it: no NUL (which stands here for a part that is no text), no surrogate."""
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise GatewayError(400, f"{path} must be text: no NUL, no lone surrogate, no image, sound or file.", param=path)
    return value


class StreamedText:
    """The text of a stream, put together from its chunks."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.finished = False

    def add(self, chunk: dict[str, Any]) -> None:
        """Add the text of a `chat.completion.chunk`."""
        for choice in chunk.get("choices") or ():
            content = (choice.get("delta") or {}).get("content")
            if isinstance(content, str):
                self._parts.append(content)
            if choice.get("finish_reason"):
                self.finished = True

    @property
    def text(self) -> str:
        return "".join(self._parts)


def completion_text(completion: dict[str, Any]) -> str:
    """The text of a `chat.completion`."""
    choices = completion.get("choices") or [{}]
    return str((choices[0].get("message") or {}).get("content") or "")


def server_sent_event(data: dict[str, Any] | str, name: str = "") -> bytes:
    """A server-sent event (HTML Living Standard, section 9.2), with `name` as its type."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


DONE = server_sent_event("[DONE]")
