"""What was asked and what was answered, kept as an interaction once the answer is known."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.db import OperationalError, close_old_connections

from feedback.actions import record_interaction
from feedback.mailbox import MailboxClosed
from feedback.models import Interaction, Source
from feedback.visitors import sessions

log = structlog.get_logger(__name__)
T = TypeVar("T")
RETRY_SECONDS = (0.2, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way to an answer. `id` is the interaction's, known before the answer is.

    `show_again`: the visitor's capture page shows the exchange once more, in both lanes alike.
    """

    id: uuid.UUID
    source: Source
    subject_key: str
    prompt: str
    asked_at: datetime
    actor: str
    show_again: bool = False


async def in_database(work: Callable[..., T], *args: Any, own_thread: bool = False) -> T:
    """Run a function that queries, and give its connection back before the caller waits for anything else.

    `own_thread`: one that does not end with the request.
    """

    def run() -> T:
        try:
            return work(*args)
        finally:
            close_old_connections()

    return await sync_to_async(run, thread_sensitive=not own_thread)()


def keep(exchange: Exchange, answer: str, model_name: str) -> Interaction:
    """Record an exchange. The same exchange kept twice is one interaction."""
    text = answer.replace("\0", "")
    interaction = record_interaction(
        exchange.source,
        exchange.subject_key,
        exchange.prompt,
        text,
        model_name=model_name,
        interaction_id=exchange.id,
        happened_at=exchange.asked_at,
        by=exchange.actor,
    )
    if exchange.show_again:
        sessions.remember(exchange.id, exchange.prompt, text)
    return interaction


async def keep_surely(exchange: Exchange, answer: str, model_name: str) -> Interaction:
    """Record an exchange even if a database is away for a moment, and whatever becomes of the request."""
    return await finish_anyway(_keep_with_patience(exchange, answer, model_name))


async def _keep_with_patience(exchange: Exchange, answer: str, model_name: str) -> Interaction:
    for pause in RETRY_SECONDS:
        try:
            return await in_database(keep, exchange, answer, model_name, own_thread=True)
        except (OperationalError, MailboxClosed) as problem:
            log.warning("recording.delayed", interaction=str(exchange.id), problem=type(problem).__name__)
            await asyncio.sleep(pause)
    return await in_database(keep, exchange, answer, model_name, own_thread=True)


_unfinished: set[asyncio.Task[Any]] = set()


async def finish_anyway(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; if the waiting is cancelled, because the client has gone, `work` goes on to its end."""
    task = asyncio.create_task(work)
    _unfinished.add(task)
    task.add_done_callback(_unfinished.discard)
    return await asyncio.shield(task)
