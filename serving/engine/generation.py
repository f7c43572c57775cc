"""Generation of an answer, token by token, without blocking the event loop."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import torch

from serving.engine.decoding import Sampler, StopFilter, TextStream
from serving.engine.pool import Adapter, AdapterPool
from serving.engine.protocol import ApiError, ChatRequest
from training.engine.context import context_length
from training.engine.encoding import prompt_ids
from training.engine.loading import end_tokens

DEFAULT_MAX_TOKENS = 512
UNSTATED_CONTEXT = 2048


def context_of(pool: AdapterPool) -> int:
    """The most tokens that prompt and answer may have together."""
    return context_length(pool.model.config.to_dict()) or UNSTATED_CONTEXT


@dataclass
class Generation:
    """A running generation; `finish_reason` and `generated_tokens` are final once `text_pieces` has ended."""

    pool: AdapterPool
    request: ChatRequest
    prompt: list[int]
    max_tokens: int
    generated_tokens: int = 0
    finish_reason: str = "length"
    cache: Any = field(default=None)

    async def text_pieces(self, adapter: Adapter | None) -> AsyncIterator[str]:
        """Pieces of text as they are generated. Closing the iterator ends the work after the current token."""
        sampler, text = Sampler(self.request.sampling, self.prompt), TextStream(self.pool.tokenizer)
        stop = StopFilter(self.request.stop)
        ids, ends = torch.tensor([self.prompt]), end_tokens(self.pool.model, self.pool.tokenizer)
        while self.generated_tokens < self.max_tokens and not stop.stopped:
            token = await anyio.to_thread.run_sync(self._next_token, adapter, ids, sampler)
            self.generated_tokens += 1
            if token in ends:
                self.finish_reason = "stop"
                break
            ids = torch.tensor([[token]])
            if piece := stop.add(text.add(token)):
                yield piece
        if stop.stopped:
            self.finish_reason = "stop"
        if piece := stop.flush():
            yield piece

    def _next_token(self, adapter: Adapter | None, ids: torch.Tensor, sampler: Sampler) -> int:
        logits, self.cache = self.pool.forward(adapter, ids, self.cache)
        return sampler.sample(logits)


def start_generation(pool: AdapterPool, request: ChatRequest) -> Generation:
    """Tokenize the conversation. ApiError 400 if the chat template refuses it, or the answer has no room."""
    vocabulary = pool.model.config.vocab_size
    if unknown := [token for token in request.sampling.logit_bias if token >= vocabulary]:
        raise ApiError(400, f"Token {unknown[0]} is none: there are {vocabulary}, from 0.", "logit_bias")
    try:
        prompt = prompt_ids(pool.tokenizer, request.messages)
    except Exception as cause:  # a chat template may refuse an order of roles with an error of its own
        raise ApiError(400, f"The chat template refused the messages: {cause}", "messages") from cause
    context = context_of(pool)
    room = context - len(prompt)
    if room < 1 or (request.max_tokens or 1) > room:
        raise ApiError(
            400,
            f"The messages take {len(prompt)} tokens; with the answer there is room for {context}.",
            "messages" if room < 1 else "max_tokens",
            "context_length_exceeded",
        )
    return Generation(pool, request, prompt, request.max_tokens or min(room, DEFAULT_MAX_TOKENS))
