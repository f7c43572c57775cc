"""Recording: an exchange through the gateway becomes an interaction once the answer is known."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import OperationalError, transaction

from feedback.actions import record_interaction
from feedback.mailbox import MailboxClosed
from feedback.models import Interaction, Source
from feedback.visitors import sessions
from serving.gateway.idempotency import Answer, Claim, keep
from serving.gateway.threads import run_in_database_thread, shielded

log = structlog.get_logger(__name__)
RETRY_SECONDS = (0.2, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class PendingInteraction:
    """A request that waits for its answer. `id` is the interaction's, known before the answer is.

    `is_cached`: the visitor's feedback page shows prompt and answer once more, in both lanes alike. `claim`: of a
    request with an Idempotency-Key.
    """

    id: uuid.UUID
    source: Source
    subject_key: str
    prompt: str
    asked_at: datetime
    actor: str
    is_cached: bool = False
    claim: Claim | None = None


def record(
    pending: PendingInteraction, answer: str, model_name: str, cut_by: str = "", reply: Answer | None = None
) -> Interaction:
    """Record the interaction. Repeated for the same request, it is the same interaction.

    `reply` is what a repetition of a request with an Idempotency-Key gets: kept if the interaction is recorded.
    """
    text = storable(answer)
    with transaction.atomic():
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
        if pending.claim and reply:
            keep(pending.claim, interaction, reply)
    if pending.is_cached:
        sessions.cache_exchange(pending.id, pending.prompt, text)
    return interaction


def storable(answer: str) -> str:
    """The answer as PostgreSQL can hold it: without NUL, and with a mark for half a surrogate pair."""
    return answer.replace("\0", "").encode("utf-8", "replace").decode()


async def record_durably(
    pending: PendingInteraction, answer: str, model_name: str, cut_by: str = "", reply: Answer | None = None
) -> Interaction:
    """Record even if a database is away for a moment (up to 4.2 s), and whatever becomes of the request."""
    return await shielded(_record_with_retries(pending, answer, model_name, cut_by, reply))


async def _record_with_retries(pending: PendingInteraction, *what: Any) -> Interaction:
    for pause in RETRY_SECONDS:
        try:
            return await run_in_database_thread(record, pending, *what, thread_sensitive=False)
        except (OperationalError, MailboxClosed) as problem:
            log.warning("recording.delayed", interaction=str(pending.id), problem=type(problem).__name__)
            await asyncio.sleep(pause)
    return await run_in_database_thread(record, pending, *what, thread_sensitive=False)
