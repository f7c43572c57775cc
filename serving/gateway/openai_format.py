"""The format of OpenAI's chat completions: requests, errors and events. No Django.

What is passed on is what the client sent, with everything that a model server may understand; what is read here is the
conversation, as it will be recorded.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
from dataclasses import dataclass, field
from typing import Any

from cftapp.base import strict_json
from conversation import Conversation, NotAConversation, read

MAX_BODY_BYTES = 20_000_000
"""Of a request: room for images, sounds and files. Its conversation has the limits of `conversation`."""
MOST_CHOICES = 32
LONGEST_ID = 512  # characters
# Not passed on: who the user is, is nobody's business behind the gateway.
NOT_FORWARDED = frozenset({"model", "stream", "user", "safety_identifier", "metadata", "store"})
NOWHERE = "There is nothing at this address."
ENDPOINTS = "Use POST /v1/chat/completions; GET /v1/models lists what may be asked."
INSTEAD = {
    "responses": "Send the conversation as messages to POST /v1/chat/completions, where tools, response_format and "
    "stream work.",
    "embeddings": "The gateway asks the champion, which makes no embeddings. Ask a server of embeddings directly.",
    "completions": "Send the prompt as a user's message to POST /v1/chat/completions.",
}


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


def unknown_endpoint(path: str) -> GatewayError:
    """The answer at an address of OpenAI's that is none here: 404, which clients do not repeat, and what to use."""
    name = path.removeprefix("/v1/").strip("/").partition("/")[0]
    return GatewayError(404, f"{NOWHERE} {INSTEAD.get(name, ENDPOINTS)}", code="unknown_endpoint")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A parsed request. `forwarded` is what is passed on, as it came; `conversation` what is recorded of it.

    `choices`: how many answers are asked for. `conversation_id` and `tenant` are what the application calls them.
    """

    model: str
    conversation: Conversation
    stream: bool
    subject_key: str
    choices: int = 1
    forwarded: dict[str, Any] = field(default_factory=dict)
    conversation_id: str = ""
    tenant: str = ""


def parse_chat(raw: bytes) -> ChatRequest:
    """Parse the body of `POST /v1/chat/completions`. GatewayError 400 names the field that is wrong."""
    try:
        body = strict_json.read(raw)
    except strict_json.NotJson as problem:
        raise GatewayError(400, str(problem), code="invalid_json", param=problem.path or None) from problem
    if not isinstance(body, dict):
        raise GatewayError(400, "The body must be a JSON object.")
    if body.get("functions"):
        raise GatewayError(400, "functions is the form before tools. Send them as tools.", param="functions")
    return ChatRequest(
        model=_text(body, "model"),
        conversation=_conversation(body),
        stream=_flag(body, "stream"),
        subject_key=_text(body, "user", required=False) or _text(body, "safety_identifier", required=False),
        choices=_choices(body),
        forwarded={name: value for name, value in body.items() if name not in NOT_FORWARDED},
    )


def _conversation(body: dict[str, Any]) -> Conversation:
    """The conversation in the kept spelling. The model server judges what is not known here."""
    try:
        return read(body.get("messages"), body.get("tools"), lenient=True)
    except NotAConversation as problem:
        raise GatewayError(400, str(problem), code="invalid_conversation", param=problem.path) from problem


def _text(body: dict[str, Any], name: str, *, required: bool = True) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value) or len(value) > LONGEST_ID:
        raise GatewayError(400, f"{name} must be a text of at most {LONGEST_ID} characters.", param=name)
    return _storable(value, name)


def _storable(value: str, name: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise GatewayError(400, f"{name} must be text: no NUL, no lone surrogate.", param=name)
    return value


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise GatewayError(400, f"{name} must be true or false.", param=name)
    return value


def _choices(body: dict[str, Any]) -> int:
    value = 1 if body.get("n") is None else body["n"]
    if type(value) is not int or not 1 <= value <= MOST_CHOICES:
        raise GatewayError(400, f"n must be a whole number from 1 to {MOST_CHOICES}.", param="n")
    return value


def server_sent_event(data: dict[str, Any] | str, name: str = "") -> bytes:
    """A server-sent event (HTML Living Standard, section 9.2), with `name` as its type."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


DONE = server_sent_event("[DONE]")
