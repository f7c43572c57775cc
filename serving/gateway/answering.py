"""From a request to an answer of exactly one release: the one asked for or, where allowed, an earlier champion.

A release is changed for another only before the first byte of the answer, only for "champion", only because it could
not be loaded, and never without saying so.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from serving.gateway.model_server import Chunk, ModelMissing, ModelServer, NotLoaded, Rejected, Stream, Unreachable
from serving.gateway.wire import WireError
from training.engine.digests import adapter_sha256

log = structlog.get_logger(__name__)
T = TypeVar("T")
Options = dict[str, Any]

UNAVAILABLE = "The model server does not answer at the moment. Nothing was recorded; try again in a few seconds."


@dataclass(frozen=True, slots=True)
class Choice:
    """A release as the gateway serves it. `folder` is None for the base model, which is always loaded."""

    title: str
    model_name: str
    served_name: str
    sha256: str
    folder: Path | None


@dataclass(frozen=True, slots=True)
class Answering:
    """An answer that has begun: the release that gives it, the one that should have, and its chunks."""

    choice: Choice
    fallback_from: Choice | None
    stream: Stream
    first: Chunk | None
    rest: AsyncGenerator[Chunk]

    async def chunks(self) -> AsyncIterator[Chunk]:
        """All chunks, the first of which has been read already."""
        if self.first is None:
            return
        yield self.first
        async for chunk in self.rest:
            yield chunk

    async def aclose(self) -> None:
        """Let go of the model server, which then stops computing. May be called again."""
        await self.rest.aclose()
        await self.stream.aclose()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    choice: Choice
    fallback_from: Choice | None
    completion: dict[str, Any]


async def answer(server: ModelServer, choices: Sequence[Choice], options: Options) -> Answer:
    """A whole `chat.completion` by the first of `choices` that can be loaded."""

    async def ask(choice: Choice) -> dict[str, Any]:
        return await server.complete({**options, "model": choice.served_name})

    choice, completion = await _first_that_loads(server, choices, ask)
    return Answer(choice, _fallback_from(choice, choices), completion)


async def begin(server: ModelServer, choices: Sequence[Choice], options: Options) -> Answering:
    """A stream whose first chunk has arrived, by the first of `choices` that can be loaded."""

    async def ask(choice: Choice) -> tuple[Stream, Chunk | None, AsyncGenerator[Chunk]]:
        stream = await server.stream({**options, "model": choice.served_name})
        rest = stream.chunks()
        try:
            return stream, await anext(rest, None), rest
        except BaseException:
            await stream.aclose()
            raise

    choice, begun = await _first_that_loads(server, choices, ask)
    return Answering(choice, _fallback_from(choice, choices), *begun)


async def _first_that_loads(
    server: ModelServer, choices: Sequence[Choice], ask: Callable[[Choice], Awaitable[T]]
) -> tuple[Choice, T]:
    try:
        for choice in choices:
            try:
                return choice, await _ask_or_load(server, choice, ask)
            except (NotLoaded, ModelMissing) as problem:
                log.warning("gateway.not_loaded", release=choice.title, model=choice.model_name, problem=str(problem))
    except Unreachable as error:
        log.warning("gateway.model_server_unreachable", problem=str(error))
        raise WireError(503, UNAVAILABLE, code="model_server_unavailable") from error
    except Rejected as error:
        status = error.status if 400 <= error.status < 500 or error.status == 503 else 502
        raise WireError(status, error.message, code=error.code or "model_server_error") from error
    names = " and ".join(choice.title for choice in choices)
    raise WireError(503, f"The model server could not load {names}.", code="model_not_loaded")


async def _ask_or_load(server: ModelServer, choice: Choice, ask: Callable[[Choice], Awaitable[T]]) -> T:
    try:
        return await ask(choice)
    except ModelMissing:
        if choice.folder is None:
            raise
    await asyncio.to_thread(_check_content, choice, choice.folder)
    await server.load(choice.served_name, choice.folder)
    return await ask(choice)


def _check_content(choice: Choice, folder: Path) -> None:
    """The adapter on disk must still be the one that the gate examined."""
    try:
        found = adapter_sha256(folder)
    except (OSError, ValueError, KeyError) as error:
        raise NotLoaded(f"no readable adapter of {choice.title}: {type(error).__name__}") from error
    if found != choice.sha256:
        raise NotLoaded(f"the adapter of {choice.title} is {found[:16]}, not the released {choice.sha256[:16]}")


def _fallback_from(choice: Choice, choices: Sequence[Choice]) -> Choice | None:
    return None if choice is choices[0] else choices[0]
