"""Chat completions with fallback: the answer of the release that was asked or, where allowed, of an earlier champion.

A release is changed for another only before the first byte of the answer, only for "champion", only because it could
not be loaded, and never without saying so.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import structlog

from serving.gateway.model_server import (
    Busy,
    Chunk,
    ModelMissing,
    ModelServer,
    NotLoaded,
    Rejected,
    Stream,
    Unreachable,
)
from serving.gateway.openai_format import GatewayError
from training.engine.digests import adapter_sha256

log = structlog.get_logger(__name__)
T = TypeVar("T")
Options = dict[str, Any]

BUSY = "As many answers as may be made at a time are being made. Nothing was recorded; try again in a few seconds."
UNAVAILABLE = "The model server does not answer at the moment. Nothing was recorded; try again in a few seconds."


@dataclass(frozen=True, slots=True)
class Target:
    """A release that may answer a request. `folder` is None for the base model, which is always loaded."""

    title: str
    model_name: str
    served_name: str
    sha256: str
    folder: Path | None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: the release that gave it, and the release that should have if that could not be loaded."""

    target: Target
    fallback_from: Target | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CompletionStream:
    """A streamed answer that has begun: as `Completion`, with chunks in place of the body."""

    target: Target
    fallback_from: Target | None
    stream: Stream
    first_chunk: Chunk | None
    later_chunks: AsyncGenerator[Chunk]

    async def chunks(self) -> AsyncIterator[Chunk]:
        """All chunks, the first of which has been read already. Unreachable or Rejected if the stream breaks off."""
        if self.first_chunk is None:
            return
        yield self.first_chunk
        async for chunk in self.later_chunks:
            yield chunk

    async def aclose(self) -> None:
        """Close the connection to the model server, which then stops computing. May be called again."""
        await self.later_chunks.aclose()
        await self.stream.aclose()


def headers_of(completion: Completion | CompletionStream, ids: Sequence[UUID]) -> dict[str, str]:
    """The headers that name the interaction, the release that answered, and the release that should have.

    Several choices are as many interactions: the first is named as one alone would be, and all in their order.
    """
    title, fallback_from = completion.target.title, completion.fallback_from
    headers = {"X-Cft-Interaction": str(ids[0]), "X-Cft-Release": title}
    if len(ids) > 1:
        headers["X-Cft-Interactions"] = ", ".join(map(str, ids))
    if fallback_from:
        headers["X-Cft-Fallback"] = f"{fallback_from.title} could not be loaded; {title} answers"
    return headers


async def complete(server: ModelServer, targets: Sequence[Target], options: Options) -> Completion:
    """A whole `chat.completion` by the first of `targets` that can be loaded. GatewayError if none can."""

    async def request(target: Target) -> dict[str, Any]:
        return await server.complete({**options, "model": target.served_name})

    target, body = await _first_that_loads(server, targets, request)
    return Completion(target, _fallback_from(target, targets), body)


async def start_stream(server: ModelServer, targets: Sequence[Target], options: Options) -> CompletionStream:
    """A stream that has begun, by the first of `targets` that can be loaded. GatewayError if none can."""

    async def begin(target: Target) -> tuple[Stream, Chunk | None, AsyncGenerator[Chunk]]:
        stream = await server.stream({**options, "model": target.served_name})
        chunks = stream.chunks()
        try:
            return stream, await anext(chunks, None), chunks
        except BaseException:
            await stream.aclose()
            raise

    async def request(target: Target) -> tuple[Stream, Chunk | None, AsyncGenerator[Chunk]]:
        return await server.while_alive(begin(target))

    target, started = await _first_that_loads(server, targets, request)
    return CompletionStream(target, _fallback_from(target, targets), *started)


async def _first_that_loads(
    server: ModelServer, targets: Sequence[Target], request: Callable[[Target], Awaitable[T]]
) -> tuple[Target, T]:
    try:
        for target in targets:
            try:
                return target, await _request_or_load(server, target, request)
            except (NotLoaded, ModelMissing) as problem:
                log.warning("gateway.not_loaded", release=target.title, model=target.model_name, problem=str(problem))
    except Busy as error:
        log.warning("gateway.busy", problem=str(error))
        raise GatewayError(503, BUSY, code="model_server_busy") from error
    except Unreachable as error:
        log.warning("gateway.model_server_unreachable", problem=str(error))
        raise GatewayError(503, UNAVAILABLE, code="model_server_unavailable") from error
    except Rejected as error:
        status = error.status if 400 <= error.status < 500 or error.status == 503 else 502
        raise GatewayError(status, error.message, code=error.code or "model_server_error", param=error.param) from error
    names = " and ".join(target.title for target in targets)
    raise GatewayError(503, f"The model server could not load {names}.", code="model_not_loaded")


async def _request_or_load(server: ModelServer, target: Target, request: Callable[[Target], Awaitable[T]]) -> T:
    try:
        return await request(target)
    except ModelMissing:
        if target.folder is None:
            raise
    await asyncio.to_thread(_check_adapter, target, target.folder)
    await server.load(target.served_name, target.folder)
    return await request(target)


def _check_adapter(target: Target, folder: Path) -> None:
    """Raise NotLoaded unless the adapter on disk is still the adapter that the gate examined."""
    try:
        sha256 = adapter_sha256(folder)
    except (OSError, ValueError) as error:
        raise NotLoaded(f"no readable adapter of {target.title}: {type(error).__name__}") from error
    if sha256 != target.sha256:
        raise NotLoaded(f"the adapter of {target.title} is {sha256[:16]}, not the released {target.sha256[:16]}")


def _fallback_from(target: Target, targets: Sequence[Target]) -> Target | None:
    return None if target is targets[0] else targets[0]
