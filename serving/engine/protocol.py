"""The format of OpenAI's chat completions: requests, replies, chunks and errors.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from serving.engine.decoding import Sampling

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
MAX_STOPS = 4
Body = dict[str, Any]

TOKEN = re.compile(r"0|[1-9][0-9]{0,8}")
HONOURED = {
    "model", "messages", "temperature", "top_p", "top_k", "min_p", "seed", "max_tokens", "max_completion_tokens",
    "stop", "stream", "stream_options", "n", "logit_bias", "presence_penalty", "frequency_penalty",
    "repetition_penalty",
}  # fmt: skip
# Who asks, what it costs and where it is kept: nothing in an answer depends on it.
WITHOUT_EFFECT = {
    "user", "safety_identifier", "metadata", "store", "service_tier", "prediction", "prompt_cache_key",
    "prompt_cache_retention", "parallel_tool_calls",
}  # fmt: skip
# Fields that are not honoured, with the values that ask for nothing else than is done anyway.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
}


class ApiError(Exception):
    """A refused request: `status` is of HTTP; `param` names the field, `code` the reason, in OpenAI's error format."""

    def __init__(self, status: int, message: str, param: str | None, code: str | None = None):
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    def body(self) -> Body:
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class ChatRequest:
    model: str
    messages: list[dict[str, str]]
    sampling: Sampling
    max_tokens: int | None
    stop: list[str] = field(default_factory=list)
    stream: bool = False
    include_usage: bool = False


def parse_object(raw: bytes) -> Body:
    try:
        body = json.loads(raw, parse_constant=refuse_constant)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair could not be answered
    except (ValueError, RecursionError) as cause:
        raise ApiError(400, f"The body is not JSON: {cause}.", None) from None
    if not isinstance(body, dict):
        raise ApiError(400, "The body is not a JSON object.", None)
    return body


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def parse_chat(body: Body) -> ChatRequest:
    """Parse the body of a chat completion. ApiError 400 names the field that is wrong.

    Fields that would change the answer and cannot be honoured are refused, not ignored.
    """
    for key in body.keys() - HONOURED - WITHOUT_EFFECT:
        if body[key] and body[key] not in NEUTRAL.get(key, ()):
            raise ApiError(400, f"{key} is not supported by this server. Leave it out.", key, "unsupported_parameter")
    if body.get("n", 1) not in (1, None):
        raise ApiError(400, "n must be 1.", "n", "unsupported_value")
    return ChatRequest(
        model=text(body, "model"),
        messages=messages(body.get("messages")),
        sampling=Sampling(
            temperature=number(body, "temperature", 0, 2, 1.0),
            top_p=number(body, "top_p", 1e-6, 1, 1.0),
            top_k=max(0, integer(body, "top_k", -1, 10**9) or 0),
            min_p=number(body, "min_p", 0, 1, 0.0),
            presence_penalty=number(body, "presence_penalty", -2, 2, 0.0),
            frequency_penalty=number(body, "frequency_penalty", -2, 2, 0.0),
            repetition_penalty=number(body, "repetition_penalty", 0.01, 100, 1.0),
            logit_bias=logit_bias(body),
            seed=integer(body, "seed", -(2**63), 2**63 - 1),
        ),
        max_tokens=integer(body, "max_completion_tokens", 1, 10**6) or integer(body, "max_tokens", 1, 10**6),
        stop=stops(body.get("stop")),
        stream=flag(body, "stream"),
        include_usage=include_usage(body),
    )


def text(body: Body, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ApiError(400, f"{key} must be a text that is not empty.", key)
    return value


def number(body: Body, key: str, low: float, high: float, default: float) -> float:
    value = body.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ApiError(400, f"{key} must be a number from {low:g} to {high:g}.", key)
    return float(value)


def integer(body: Body, key: str, low: int, high: int) -> int | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ApiError(400, f"{key} must be a whole number from {low} to {high}.", key)
    return value


def logit_bias(body: Body) -> dict[int, float]:
    """What is added to the logits of tokens, by token id."""
    value = body.get("logit_bias") or {}
    if not isinstance(value, dict) or not all(TOKEN.fullmatch(token) for token in value):
        raise ApiError(400, "logit_bias must be an object of numbers from -100 to 100 by token id.", "logit_bias")
    named = {f"logit_bias.{token}": bias for token, bias in value.items()}
    return {int(token): number(named, f"logit_bias.{token}", -100, 100, 0.0) for token in value}


def flag(body: Body, key: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool | None):
        raise ApiError(400, f"{key} must be true or false.", key)
    return bool(value)


def include_usage(body: Body) -> bool:
    options = body.get("stream_options")
    if not isinstance(options, dict | None):
        raise ApiError(400, "stream_options must be an object.", "stream_options")
    return flag(options or {}, "include_usage")


def stops(value: Any) -> list[str]:
    strings = [value] if isinstance(value, str) else value or []
    if not isinstance(strings, list) or len(strings) > MAX_STOPS or not all(isinstance(s, str) and s for s in strings):
        raise ApiError(400, f"stop must be a text or a list of at most {MAX_STOPS} texts.", "stop")
    return strings


def messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value:
        raise ApiError(400, "messages must be a list with at least one message.", "messages")
    return [message(item, f"messages[{i}]") for i, item in enumerate(value)]


def message(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict) or value.get("role") not in ROLES:
        raise ApiError(400, f"{path}.role must be one of: {', '.join(ROLES)}.", f"{path}.role")
    return {"role": ROLES[value["role"]], "content": content(value.get("content"), f"{path}.content")}


def content(value: Any, path: str) -> str:
    """A text, or a list of parts of type text, joined."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in value
    ):
        return "".join(part["text"] for part in value)
    raise ApiError(400, f"{path} must be a text or a list of text parts.", path)


@dataclass(frozen=True)
class Reply:
    """The reply to a request: its id and time (Unix, seconds) are shared by all chunks."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, answer: str, finish_reason: str, usage: Body) -> Body:
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": finish_reason}
        return {**self._head("chat.completion"), "choices": [{**choice, "logprobs": None}], "usage": usage}

    def chunk(self, delta: Body, finish_reason: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self, usage: Body) -> Body:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage}

    def _head(self, kind: str) -> Body:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def usage(prompt_tokens: int, completion_tokens: int) -> Body:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def server_sent_event(body: Body) -> str:
    """A server-sent event (HTML Living Standard, section 9.2)."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


DONE = "data: [DONE]\n\n"
