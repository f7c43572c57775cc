"""The model server: OpenAI's chat completions, and vLLM's two endpoints that load and unload LoRA adapters.

Sources: https://platform.openai.com/docs/api-reference/chat and https://docs.vllm.ai/en/latest/features/lora.html
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from conversation.calls import Call
from serving.engine.generation import Generation, start_generations
from serving.engine.pool import Adapter, AdapterPool, PoolError
from serving.engine.protocol import ApiError, ChatRequest, parse_chat, parse_object, text
from serving.engine.replies import DONE, Reply, choice, delta, server_sent_event, usage

MAX_BODY_BYTES = 20_000_000
"""As at the gateway; the conversation in it has the limits of `conversation`."""
HANDLED_ERRORS: tuple[type[Exception], ...] = (ApiError, PoolError, HTTPException, Exception)


class ModelServer:
    """The endpoints; at most `parallel` answers are generated at a time, other requests wait."""

    def __init__(self, pool: AdapterPool, base_sha256: str, parallel: int = 8):
        self.pool, self.base_sha256 = pool, base_sha256
        self.slots = anyio.Semaphore(parallel)

    def app(self) -> Starlette:
        routes = [
            Route("/health", self.health),
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/load_lora_adapter", self.load, methods=["POST"]),
            Route("/v1/unload_lora_adapter", self.unload, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers=dict.fromkeys(HANDLED_ERRORS, on_error))

    async def health(self, request: Request) -> Response:
        adapters = sorted(self.pool.adapters)
        return JSONResponse(
            {"status": "ok", "base": self.pool.base_name, "base_sha256": self.base_sha256, "adapters": adapters}
        )

    async def models(self, request: Request) -> Response:
        entry = {"object": "model", "created": 0, "owned_by": "cftapp"}
        base = {"id": self.pool.base_name, **entry, "parent": None, "sha256": self.base_sha256}
        adapters = [
            {"id": adapter.name, **entry, "parent": self.pool.base_name, "sha256": adapter.sha256}
            for adapter in sorted(self.pool.adapters.values(), key=lambda adapter: adapter.name)
        ]
        return JSONResponse({"object": "list", "data": [base, *adapters]})

    async def load(self, request: Request) -> Response:
        body = await read_body(request)
        name, path = text(body, "lora_name"), text(body, "lora_path")
        is_new = await anyio.to_thread.run_sync(self.pool.load, name, path)
        status = "loaded" if is_new else "already loaded"
        return JSONResponse({"status": status, "lora_name": name, "sha256": self.pool.adapters[name].sha256})

    async def unload(self, request: Request) -> Response:
        name = text(await read_body(request), "lora_name")
        await anyio.to_thread.run_sync(self.pool.unload, name)
        return JSONResponse({"status": "unloaded", "lora_name": name})

    async def chat(self, request: Request) -> Response:
        chat = parse_chat(await read_body(request))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.slots)
            adapter = stack.enter_context(self.pool.using(chat.model))
            generations = await anyio.to_thread.run_sync(start_generations, self.pool, chat)
            if not chat.stream:
                return await self.complete(request, chat, generations, adapter)
            resources = stack.pop_all()
        return ReleasingStream(self.stream(chat, generations, adapter), resources)

    async def complete(
        self, request: Request, chat: ChatRequest, generations: list[Generation], adapter: Adapter | None
    ) -> Response:
        """A whole `chat.completion`, choice after choice; status 499 (as of nginx) if the client has left."""
        choices = []
        for generation in generations:
            parts = []
            async for part in generation.parts(adapter):
                parts.append(part)
                if await request.is_disconnected():
                    return Response(status_code=499)
            choices.append(choice(generation.index, parts, generation.finish_reason, generation.take_likely()))
        return JSONResponse(Reply(chat.model).completion(choices, usage_of(generations)))

    async def stream(
        self, chat: ChatRequest, generations: list[Generation], adapter: Adapter | None
    ) -> AsyncIterator[str]:
        """Server-sent events: a `chat.completion.chunk` for each piece of text and each call, then the end mark."""
        reply = Reply(chat.model)
        for generation in generations:
            index, calls = generation.index, 0
            yield server_sent_event(reply.chunk(index, {"role": "assistant", "content": ""}))
            async for part in generation.parts(adapter):
                yield server_sent_event(reply.chunk(index, delta(part, calls), likely=generation.take_likely()))
                calls += isinstance(part, Call)
            yield server_sent_event(reply.chunk(index, {}, generation.finish_reason, generation.take_likely()))
        if chat.include_usage:
            yield server_sent_event(reply.usage_chunk(usage_of(generations)))
        yield DONE


def usage_of(generations: list[Generation]) -> dict[str, Any]:
    """Tokens of the prompt, which all choices share, and of all their answers."""
    return usage(len(generations[0].prompt), sum(generation.generated_tokens for generation in generations))


class ReleasingStream(StreamingResponse):
    """A streaming response that releases its slot and its adapter when it ends, also when the client has left."""

    def __init__(self, events: AsyncIterator[str], resources: AsyncExitStack):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self.resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.resources:
            await super().__call__(scope, receive, send)


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body. ApiError 413 beyond 20 MB, 400 for anything else than an object."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise ApiError(413, f"The body is larger than {MAX_BODY_BYTES} bytes.", None)
    return parse_object(bytes(raw))


async def on_error(request: Request, error: Exception) -> Response:
    """The response to an error, in OpenAI's format."""
    if isinstance(error, PoolError):
        error = ApiError(error.status, error.message, error.param, error.code)
    elif isinstance(error, HTTPException):
        error = ApiError(error.status_code, error.detail, None)
    elif not isinstance(error, ApiError):
        error = ApiError(500, "The server failed to answer; see its log.", None, "internal_error")
    return JSONResponse(error.body(), status_code=error.status)
