"""One answer, token by token, without blocking the event loop."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import torch

from serving.engine.decoding import Sampler, StopFilter, TextStream
from serving.engine.pool import Adapter, AdapterPool
from serving.engine.protocol import ApiError, ChatRequest
from training.engine.encoding import prompt_ids

DEFAULT_TOKENS = 512


def context_length(pool: AdapterPool) -> int:
    """Tokens of question and answer together."""
    config = pool.model.config
    return int(getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", 0) or 2048)


@dataclass
class Generation:
    """A running answer; `finish` and `made` are final once `texts` has ended."""

    pool: AdapterPool
    request: ChatRequest
    prompt: list[int]
    most: int
    made: int = 0
    finish: str = "length"
    cache: Any = field(default=None)

    async def texts(self, adapter: Adapter | None) -> AsyncIterator[str]:
        """Pieces of text as they are made. Closing the iterator ends the work after the current token."""
        sampler, text = Sampler(self.request.sampling), TextStream(self.pool.tokenizer)
        stop = StopFilter(self.request.stop)
        ids = torch.tensor([self.prompt])
        while self.made < self.most and not stop.stopped:
            token = await anyio.to_thread.run_sync(self._next, adapter, ids, sampler)
            self.made += 1
            if token in self._ends():
                self.finish = "stop"
                break
            ids = torch.tensor([[token]])
            if piece := stop.add(text.add(token)):
                yield piece
        if stop.stopped:
            self.finish = "stop"
        if rest := stop.flush():
            yield rest

    def _next(self, adapter: Adapter | None, ids: torch.Tensor, sampler: Sampler) -> int:
        logits, self.cache = self.pool.forward(adapter, ids, self.cache)
        return sampler.choose(logits)

    def _ends(self) -> set[int]:
        ends = self.pool.model.generation_config.eos_token_id
        listed = ends if isinstance(ends, list) else [ends]
        return {self.pool.tokenizer.eos_token_id, *(end for end in listed if end is not None)}


def begin(pool: AdapterPool, request: ChatRequest) -> Generation:
    """Tokenize the conversation and see that the answer has room."""
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
    return Generation(pool, request, prompt, request.max_tokens or min(room, DEFAULT_TOKENS))
