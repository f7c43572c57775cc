"""The format of OpenAI's chat completions: requests and errors.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from conversation import Conversation, NotAConversation, read
from conversation.calls import OPEN
from serving.engine.decoding import Sampling

MAX_STOPS, MAX_CHOICES, MAX_TOP_LOGPROBS = 4, 8, 20
Body = dict[str, Any]

TOKEN = re.compile(r"0|[1-9][0-9]{0,8}")
HONOURED = {
    "model", "messages", "temperature", "top_p", "top_k", "min_p", "seed", "max_tokens", "max_completion_tokens",
    "stop", "stream", "stream_options", "n", "logit_bias", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "tools", "tool_choice", "parallel_tool_calls", "logprobs", "top_logprobs",
}  # fmt: skip
# Who asks, what it costs and where it is kept: nothing in an answer depends on it.
WITHOUT_EFFECT = {
    "user", "safety_identifier", "metadata", "store", "service_tier", "prediction", "prompt_cache_key",
    "prompt_cache_retention",
}  # fmt: skip
# Fields that are not honoured, with the values that ask for nothing else than is done anyway.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
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
    """`may_call`: there are tools and the model may call them, several at once if `calls_in_parallel`.

    `top_logprobs`: of how many tokens the log probabilities are told, beside that which was chosen; None for none.
    """

    model: str
    conversation: Conversation
    sampling: Sampling
    max_tokens: int | None
    stop: list[str] = field(default_factory=list)
    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    top_logprobs: int | None = None
    may_call: bool = False
    calls_in_parallel: bool = True


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
    asked, may_call = conversation(body), tools_may_be_called(body)
    return ChatRequest(
        model=text(body, "model"),
        conversation=asked,
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
        # tools that may not be called are shown all the same, as they are in training: what would be a call ends it
        stop=[*stops(body.get("stop")), *([OPEN] if asked.tools and not may_call else [])],
        stream=flag(body, "stream"),
        include_usage=include_usage(body),
        choices=integer(body, "n", 1, MAX_CHOICES) or 1,
        top_logprobs=top_logprobs(body),
        may_call=may_call and bool(asked.tools),
        calls_in_parallel=body.get("parallel_tool_calls") is None or flag(body, "parallel_tool_calls"),
    )


def conversation(body: Body) -> Conversation:
    """Messages and tools in the one spelling. ApiError for what is none, and for what this server has no sense for."""
    try:
        asked = read(body.get("messages"), body.get("tools"), lenient=True)
    except NotAConversation as problem:
        raise ApiError(400, str(problem), problem.path) from problem
    if path := asked.reference_path:
        raise ApiError(400, f"{path} is no text, and this model reads text only.", path, "unsupported_content")
    for index, tool in enumerate(asked.tools):
        check_tool(tool, f"tools[{index}]")
    return asked


def check_tool(tool: Body, path: str) -> None:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise ApiError(400, f"{path} must be a function: this model calls no other tools.", path, "unsupported_value")
    if function.get("strict"):
        path = f"{path}.function.strict"
        raise ApiError(
            400, f"{path} is not supported: arguments are not held to the schema.", path, "unsupported_value"
        )


def tools_may_be_called(body: Body) -> bool:
    choice = body.get("tool_choice")
    if choice not in (None, "auto", "none"):
        sentence = 'tool_choice must be "auto" or "none": this model cannot be made to call.'
        raise ApiError(400, sentence, "tool_choice", "unsupported_value")
    return choice != "none"


def top_logprobs(body: Body) -> int | None:
    wanted, most = flag(body, "logprobs"), integer(body, "top_logprobs", 0, MAX_TOP_LOGPROBS)
    if most and not wanted:
        raise ApiError(400, "top_logprobs needs logprobs: true.", "top_logprobs")
    return (most or 0) if wanted else None


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
