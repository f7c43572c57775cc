"""Streaming: every chunk of the model server is passed on to the client as it comes, then the answer is recorded."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Protocol

import structlog
from django.http import StreamingHttpResponse

from feedback.models import Interaction
from serving.gateway.answers import StreamedAnswers
from serving.gateway.completions import CompletionStream, headers_of
from serving.gateway.idempotency import Answer
from serving.gateway.model_server import Chunk, Rejected, Unreachable
from serving.gateway.openai_format import GatewayError
from serving.gateway.recording import PendingInteraction, record_durably

log = structlog.get_logger(__name__)
BROKEN_OFF = "The model server broke off in the middle of its answer."
STREAM_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
NOT_RECORDED = "The answer could not be recorded; feedback on it is not possible."


class StreamEncoder(Protocol):
    """How a stream is written as server-sent events: for OpenAI clients, or for the playground's page."""

    def chunk(self, chunk: Chunk) -> bytes:
        """The event of a chunk; empty to pass it over."""
        ...

    def end(self) -> bytes: ...

    def error(self, error: GatewayError) -> bytes: ...


async def forward(
    completion: CompletionStream, pending: PendingInteraction, encoder: StreamEncoder
) -> AsyncGenerator[bytes]:
    """The server-sent events. The end is sent only once the interaction is recorded, so feedback on it can follow.

    If the client goes away, the model server is let go at once, and what was answered until then is recorded as cut.
    """
    streamed, sent = StreamedAnswers(), bytearray()
    all_read, cut_by = False, ""
    try:
        problem = None
        try:
            async for chunk in completion.chunks():
                streamed.add(chunk)
                if encoded := encoder.chunk(chunk):
                    sent += encoded if pending.claim else b""
                    yield encoded
        except (Unreachable, Rejected) as error:
            log.warning("gateway.broken_off", interaction=str(pending.id), problem=str(error))
            problem, cut_by = GatewayError(502, BROKEN_OFF, code="stream_broken_off"), Interaction.CutBy.MODEL_SERVER
        all_read = True
        reply = None if problem else Answer(headers_of(completion, pending.ids), bytes(sent) + encoder.end())
        await _record(pending, streamed, completion, cut_by, reply)
        yield encoder.error(problem) if problem else encoder.end()
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("gateway.not_recorded", interaction=str(pending.id))
        yield encoder.error(GatewayError(500, NOT_RECORDED, code="not_recorded"))
    finally:
        await completion.aclose()
        if not all_read:
            await _record(pending, streamed, completion, Interaction.CutBy.CLIENT)


async def _record(
    pending: PendingInteraction,
    streamed: StreamedAnswers,
    completion: CompletionStream,
    cut_by: str,
    reply: Answer | None = None,
) -> None:
    """Record what came, if anything did."""
    if answers := streamed.answers(cut_by):
        await record_durably(pending, answers, completion.target.model_name, reply)


def event_stream(
    completion: CompletionStream,
    pending: PendingInteraction,
    encoder: StreamEncoder,
    around: Callable[[AsyncGenerator[bytes]], AsyncIterator[bytes]] = aiter,
) -> StreamingHttpResponse:
    """The response around `forward`. It lets go of the model server even if nobody ever reads from it."""
    response = StreamingHttpResponse(around(forward(completion, pending, encoder)), headers=STREAM_HEADERS)
    loop = asyncio.get_running_loop()
    closers = response._resource_closers  # type: ignore[attr-defined]  # Django names no public way
    closers.append(lambda: loop.call_soon_threadsafe(lambda: loop.create_task(completion.aclose())))
    return response
