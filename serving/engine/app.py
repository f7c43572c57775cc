"""The model server: OpenAI's chat completions, and vLLM's two endpoints that load and unload LoRA adapters."""

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

from serving.engine.generation import Generation, begin
from serving.engine.pool import Adapter, AdapterPool, PoolError
from serving.engine.protocol import DONE, ApiError, ChatRequest, Reply, event, parse_chat, parse_object, text, usage

MOST_BODY = 1_000_000
KINDS: tuple[type[Exception], ...] = (ApiError, PoolError, HTTPException, Exception)


class ModelServer:
    """The endpoints; at most `parallel` answers are made at a time, the others wait their turn."""

    def __init__(self, pool: AdapterPool, base_sha256: str, parallel: int = 8):
        self.pool, self.base_sha256 = pool, base_sha256
        self.turns = anyio.Semaphore(parallel)

    def app(self) -> Starlette:
        routes = [
            Route("/health", self.health),
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/load_lora_adapter", self.load, methods=["POST"]),
            Route("/v1/unload_lora_adapter", self.unload, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers=dict.fromkeys(KINDS, on_error))

    async def health(self, request: Request) -> Response:
        adapters = sorted(self.pool.known)
        return JSONResponse(
            {"status": "ok", "base": self.pool.base_name, "base_sha256": self.base_sha256, "adapters": adapters}
        )

    async def models(self, request: Request) -> Response:
        entry = {"object": "model", "created": 0, "owned_by": "cftapp"}
        base = {"id": self.pool.base_name, **entry, "parent": None, "sha256": self.base_sha256}
        adapters = [
            {"id": one.name, **entry, "parent": self.pool.base_name, "sha256": one.sha256}
            for one in sorted(self.pool.known.values(), key=lambda one: one.name)
        ]
        return JSONResponse({"object": "list", "data": [base, *adapters]})

    async def load(self, request: Request) -> Response:
        body = await read_body(request)
        name, path = text(body, "lora_name"), text(body, "lora_path")
        new = await anyio.to_thread.run_sync(self.pool.load, name, path)
        state = "loaded" if new else "already loaded"
        return JSONResponse({"status": state, "lora_name": name, "sha256": self.pool.known[name].sha256})

    async def unload(self, request: Request) -> Response:
        name = text(await read_body(request), "lora_name")
        await anyio.to_thread.run_sync(self.pool.unload, name)
        return JSONResponse({"status": "unloaded", "lora_name": name})

    async def chat(self, request: Request) -> Response:
        asked = parse_chat(await read_body(request))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.turns)
            adapter = stack.enter_context(self.pool.using(asked.model))
            generation = await anyio.to_thread.run_sync(begin, self.pool, asked)
            if not asked.stream:
                return await self.answer_whole(request, asked, generation, adapter)
            held = stack.pop_all()
        return HeldStream(self.answer_stream(asked, generation, adapter), held)

    async def answer_whole(
        self, request: Request, asked: ChatRequest, generation: Generation, adapter: Adapter | None
    ) -> Response:
        pieces = []
        async for piece in generation.texts(adapter):
            pieces.append(piece)
            if await request.is_disconnected():
                return Response(status_code=499)
        count = usage(len(generation.prompt), generation.made)
        return JSONResponse(Reply(asked.model).whole("".join(pieces), generation.finish, count))

    async def answer_stream(
        self, asked: ChatRequest, generation: Generation, adapter: Adapter | None
    ) -> AsyncIterator[str]:
        """Server-sent events, one for each piece of text as it is made."""
        reply = Reply(asked.model)
        yield event(reply.chunk({"role": "assistant", "content": ""}))
        async for piece in generation.texts(adapter):
            yield event(reply.chunk({"content": piece}))
        yield event(reply.chunk({}, generation.finish))
        if asked.include_usage:
            yield event(reply.usage_chunk(usage(len(generation.prompt), generation.made)))
        yield DONE


class HeldStream(StreamingResponse):
    """A stream that gives its turn and its adapter back when it ends, also when the client has left."""

    def __init__(self, events: AsyncIterator[str], held: AsyncExitStack):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self.held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.held:
            await super().__call__(scope, receive, send)


async def read_body(request: Request) -> dict[str, Any]:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > MOST_BODY:
            raise ApiError(413, f"The body is larger than {MOST_BODY} bytes.", None)
    return parse_object(raw)


async def on_error(request: Request, error: Exception) -> Response:
    """Every error in OpenAI's form."""
    if isinstance(error, PoolError):
        error = ApiError(error.status, error.message, error.param, error.code)
    elif isinstance(error, HTTPException):
        error = ApiError(error.status_code, error.detail, None)
    elif not isinstance(error, ApiError):
        error = ApiError(500, "The server failed to answer; see its log.", None, "internal_error")
    return JSONResponse(error.body(), status_code=error.status)
