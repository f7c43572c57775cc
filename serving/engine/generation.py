"""Generation of an answer, token by token, without blocking the event loop."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import torch

from serving.engine.decoding import Sampler, StopFilter, TextStream
from serving.engine.pool import Adapter, AdapterPool
from serving.engine.protocol import ApiError, ChatRequest
from training.engine.encoding import prompt_ids

DEFAULT_MAX_TOKENS = 512


def context_length(pool: AdapterPool) -> int:
    """The most tokens that prompt and answer may have together."""
    config = pool.model.config
    return int(getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", 0) or 2048)


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
        ids = torch.tensor([self.prompt])
        while self.generated_tokens < self.max_tokens and not stop.stopped:
            token = await anyio.to_thread.run_sync(self._next_token, adapter, ids, sampler)
            self.generated_tokens += 1
            if token in self._end_tokens():
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

    def _end_tokens(self) -> set[int]:
        configured = self.pool.model.generation_config.eos_token_id
        tokens = configured if isinstance(configured, list) else [configured]
        return {self.pool.tokenizer.eos_token_id, *(token for token in tokens if token is not None)}


def start_generation(pool: AdapterPool, request: ChatRequest) -> Generation:
    """Tokenize the conversation. ApiError 400 if the chat template refuses it, or the answer has no room."""
    vocabulary = pool.model.config.vocab_size
    if unknown := [token for token in request.sampling.logit_bias if token >= vocabulary]:
        raise ApiError(400, f"Token {unknown[0]} is none: there are {vocabulary}, from 0.", "logit_bias")
    try:
        prompt = prompt_ids(pool.tokenizer, request.messages)
    except Exception as cause:  # a chat template may refuse an order of roles with an error of its own
        raise ApiError(400, f"The chat template refused the messages: {cause}", "messages") from cause
    room = context_length(pool) - len(prompt)
    if room < 1 or (request.max_tokens or 1) > room:
        raise ApiError(
            400,
            f"The messages take {len(prompt)} tokens; with the answer there is room for {context_length(pool)}.",
            "messages" if room < 1 else "max_tokens",
            "context_length_exceeded",
        )
    return Generation(pool, request, prompt, request.max_tokens or min(room, DEFAULT_MAX_TOKENS))
