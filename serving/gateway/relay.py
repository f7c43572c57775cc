"""A stream from the model server to a client: every chunk passed on as it comes, then the whole of it recorded."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

import structlog
from django.http import StreamingHttpResponse

from serving.gateway import wire
from serving.gateway.answering import Answering
from serving.gateway.model_server import Chunk, Rejected, Unreachable
from serving.gateway.recording import Exchange, keep_surely

log = structlog.get_logger(__name__)
BROKEN_OFF = "The model server broke off in the middle of its answer."
NOT_RECORDED = "The answer could not be recorded; feedback on it is not possible."


class Voice(Protocol):
    """How a stream speaks: to OpenAI clients, or to the playground's page."""

    def chunk(self, chunk: Chunk) -> bytes:
        """What to say of a chunk; nothing to pass it over."""
        ...

    def end(self) -> bytes: ...

    def problem(self, error: wire.WireError) -> bytes: ...


async def relay(answering: Answering, exchange: Exchange, voice: Voice) -> AsyncGenerator[bytes]:
    """Server-sent events. The end is told only once the interaction is recorded, so feedback on it can follow.

    If the client goes away, the model server is let go at once, and what was answered until then is recorded.
    """
    transcript = wire.Transcript()
    begun = False
    try:
        problem = None
        try:
            async for chunk in answering.chunks():
                transcript.hear(chunk)
                if said := voice.chunk(chunk):
                    yield said
        except (Unreachable, Rejected) as error:
            log.warning("gateway.broken_off", interaction=str(exchange.id), problem=str(error))
            problem = wire.WireError(502, BROKEN_OFF, code="stream_broken_off")
        begun = True
        await _keep(exchange, transcript, answering)
        yield voice.problem(problem) if problem else voice.end()
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("gateway.not_recorded", interaction=str(exchange.id))
        yield voice.problem(wire.WireError(500, NOT_RECORDED, code="not_recorded"))
    finally:
        await answering.aclose()
        if not begun:
            await _keep(exchange, transcript, answering)


async def _keep(exchange: Exchange, transcript: wire.Transcript, answering: Answering) -> None:
    if transcript.text or transcript.finished:
        await keep_surely(exchange, transcript.text, answering.choice.model_name)


def event_stream(answering: Answering, exchange: Exchange, voice: Voice) -> StreamingHttpResponse:
    """The response around `relay`. It lets go of the model server even if nobody ever reads from it."""
    response = StreamingHttpResponse(relay(answering, exchange, voice), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    loop = asyncio.get_running_loop()
    closers = response._resource_closers  # type: ignore[attr-defined]  # Django names no public way
    closers.append(lambda: loop.call_soon_threadsafe(lambda: loop.create_task(answering.aclose())))
    return response
