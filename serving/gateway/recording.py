"""Recording: an exchange through the gateway becomes an interaction once the answer is known."""

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
class PendingInteraction:
    """A request that waits for its answer. `id` is the interaction's, known before the answer is.

    `is_cached`: the visitor's feedback page shows prompt and answer once more, in both lanes alike.
    """

    id: uuid.UUID
    source: Source
    subject_key: str
    prompt: str
    asked_at: datetime
    actor: str
    is_cached: bool = False


async def run_in_database_thread(function: Callable[..., T], *args: Any, thread_sensitive: bool = True) -> T:
    """Run a function that queries, and give its connection back before the caller waits for anything else.

    `thread_sensitive=False`: in a thread of its own, which does not end with the request.
    """

    def run() -> T:
        try:
            return function(*args)
        finally:
            close_old_connections()

    return await sync_to_async(run, thread_sensitive=thread_sensitive)()


def record(pending: PendingInteraction, answer: str, model_name: str, cut_by: str = "") -> Interaction:
    """Record the interaction. Repeated for the same request, it is the same interaction."""
    text = storable(answer)
    interaction = record_interaction(
        pending.source,
        pending.subject_key,
        pending.prompt,
        text,
        model_name=model_name,
        cut_by=cut_by,
        interaction_id=pending.id,
        happened_at=pending.asked_at,
        by=pending.actor,
    )
    if pending.is_cached:
        sessions.cache_exchange(pending.id, pending.prompt, text)
    return interaction


def storable(answer: str) -> str:
    """The answer as PostgreSQL can hold it: without NUL, and with a mark for half a surrogate pair."""
    return answer.replace("\0", "").encode("utf-8", "replace").decode()


async def record_durably(pending: PendingInteraction, answer: str, model_name: str, cut_by: str = "") -> Interaction:
    """Record even if a database is away for a moment (up to 4.2 s), and whatever becomes of the request."""
    return await shielded(_record_with_retries(pending, answer, model_name, cut_by))


async def _record_with_retries(pending: PendingInteraction, answer: str, model_name: str, cut_by: str) -> Interaction:
    for pause in RETRY_SECONDS:
        try:
            return await run_in_database_thread(record, pending, answer, model_name, cut_by, thread_sensitive=False)
        except (OperationalError, MailboxClosed) as problem:
            log.warning("recording.delayed", interaction=str(pending.id), problem=type(problem).__name__)
            await asyncio.sleep(pause)
    return await run_in_database_thread(record, pending, answer, model_name, cut_by, thread_sensitive=False)


_unfinished: set[asyncio.Task[Any]] = set()


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; if the waiting is cancelled, because the client has gone, `work` goes on to its end."""
    task = asyncio.create_task(work)
    _unfinished.add(task)
    task.add_done_callback(_unfinished.discard)
    return await asyncio.shield(task)
