"""The format of OpenAI's chat completions: replies and the chunks of a stream.

Source: https://platform.openai.com/docs/api-reference/chat/object
"""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conversation.calls import Call

Body = dict[str, Any]
Likelihoods = list[Body] | None
"""Of each token, how likely it and its likeliest rivals were; None where nobody asked."""


@dataclass(frozen=True)
class Reply:
    """The reply to a request: its id and time (Unix, seconds) are shared by all choices and chunks."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, choices: Sequence[Body], usage: Body) -> Body:
        return {**self._head("chat.completion"), "choices": list(choices), "usage": usage}

    def chunk(self, index: int, delta: Body, finish_reason: str | None = None, likely: Likelihoods = None) -> Body:
        choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs(likely)}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self, usage: Body) -> Body:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage}

    def _head(self, kind: str) -> Body:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def choice(index: int, parts: Sequence[str | Call], finish_reason: str, likely: Likelihoods) -> Body:
    """A choice of a whole completion, of the text and the calls that it is made of."""
    calls = [part.body for part in parts if isinstance(part, Call)]
    content = "".join(part for part in parts if isinstance(part, str))
    message: Body = {"role": "assistant", "content": content or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    return {"index": index, "message": message, "finish_reason": finish_reason, "logprobs": logprobs(likely)}


def delta(part: str | Call, calls_before: int) -> Body:
    """What a part adds to its choice: a text, or a whole call."""
    if isinstance(part, Call):
        return {"tool_calls": [{"index": calls_before, **part.body}]}
    return {"content": part}


def logprobs(likely: Likelihoods) -> Body | None:
    return None if likely is None else {"content": likely, "refusal": None}


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
