"""Generation of an answer, token by token, without blocking the event loop."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import anyio.to_thread
import torch

from conversation.calls import Call, CallReader
from serving.engine.decoding import Sampler, Sampling, StopFilter, TextStream, likelihood
from serving.engine.pool import Adapter, AdapterPool
from serving.engine.protocol import ApiError, ChatRequest
from training.engine.context import context_length
from training.engine.encoding import prompt_ids
from training.engine.errors import EngineError
from training.engine.loading import end_tokens

DEFAULT_MAX_TOKENS = 512
UNSTATED_CONTEXT = 2048


def context_of(pool: AdapterPool) -> int:
    """The most tokens that prompt and answer may have together."""
    return context_length(pool.model.config.to_dict()) or UNSTATED_CONTEXT


@dataclass
class Generation:
    """A running generation of one choice; `finish_reason` and `generated_tokens` are final once `parts` has ended."""

    pool: AdapterPool
    request: ChatRequest
    prompt: list[int]
    max_tokens: int
    index: int = 0
    generated_tokens: int = 0
    finish_reason: str = "length"
    cache: Any = field(default=None)
    likely: list[dict[str, Any]] = field(default_factory=list)

    async def parts(self, adapter: Adapter | None) -> AsyncIterator[str | Call]:
        """Text as it is generated and, where tools may be called, whole calls. Closing ends the work as below."""
        reader = CallReader()
        async with aclosing(self.text_pieces(adapter)) as pieces:
            async for piece in pieces:
                for part in reader.add(piece) if self.request.may_call else (piece,):
                    yield part
                    if isinstance(part, Call) and not self.request.calls_in_parallel:
                        self.finish_reason = "tool_calls"
                        return
        for rest in reader.flush():
            yield rest
        if reader.calls and self.finish_reason == "stop":
            self.finish_reason = "tool_calls"

    async def text_pieces(self, adapter: Adapter | None) -> AsyncGenerator[str]:
        """Pieces of text as they are generated. Closing the iterator ends the work after the current token."""
        sampler, text = Sampler(sampling_of(self.request, self.index), self.prompt), TextStream(self.pool.tokenizer)
        stop = StopFilter(self.request.stop)
        ids, ends = torch.tensor([self.prompt]), end_tokens(self.pool.model, self.pool.tokenizer)
        while self.generated_tokens < self.max_tokens and not stop.stopped:
            token = await anyio.to_thread.run_sync(self._next_token, adapter, ids, sampler)
            self.generated_tokens += 1
            if token in ends:
                self.finish_reason = "stop"
                self.likely = self.likely[:-1]  # the end is no word
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
        token = sampler.sample(logits)
        if self.request.top_logprobs is not None:
            self.likely.append(likelihood(self.pool.tokenizer, logits, token, self.request.top_logprobs))
        return token

    def take_likely(self) -> list[dict[str, Any]] | None:
        """How likely the tokens since the last call were; None where nobody asked."""
        if self.request.top_logprobs is None:
            return None
        taken, self.likely = self.likely, []
        return taken


def sampling_of(request: ChatRequest, index: int) -> Sampling:
    """Each choice has a seed of its own, or all would be one."""
    seed = request.sampling.seed
    return request.sampling if seed is None or index == 0 else replace(request.sampling, seed=seed + index)


def start_generations(pool: AdapterPool, request: ChatRequest) -> list[Generation]:
    """A generation for each choice. ApiError 400 if the template has no place for it, or the answer has no room."""
    vocabulary = pool.model.config.vocab_size
    if unknown := [token for token in request.sampling.logit_bias if token >= vocabulary]:
        raise ApiError(400, f"Token {unknown[0]} is none: there are {vocabulary}, from 0.", "logit_bias")
    try:
        prompt = prompt_ids(pool.tokenizer, request.conversation.messages, request.conversation.tools)
    except EngineError as cause:
        raise ApiError(400, f"{cause.message} {cause.remedy}", cause.field) from cause
    context = context_of(pool)
    room = context - len(prompt)
    if room < 1 or (request.max_tokens or 1) > room:
        raise ApiError(
            400,
            f"The messages take {len(prompt)} tokens; with the answer there is room for {context}.",
            "messages" if room < 1 else "max_tokens",
            "context_length_exceeded",
        )
    most = request.max_tokens or min(room, DEFAULT_MAX_TOKENS)
    return [Generation(pool, request, prompt, most, index) for index in range(request.choices)]
