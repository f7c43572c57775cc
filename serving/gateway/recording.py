"""Recording: an exchange through the gateway becomes an interaction once the answer is known."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import OperationalError, transaction

from conversation import Conversation
from feedback.actions import record_interaction
from feedback.mailbox import MailboxClosed
from feedback.models import Interaction, Source
from feedback.visitors import sessions
from serving.gateway.answers import Answered, Answers
from serving.gateway.idempotency import Answer, Claim, keep
from serving.gateway.threads import RECORDING, run_in_database_thread, shielded

log = structlog.get_logger(__name__)
RETRY_SECONDS = (0.2, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class PendingInteraction:
    """A request that waits for its answer. `id` is the interaction's, known before the answer is.

    `later_ids`: of the choices after the first, each of which is an interaction of its own. `is_cached`: the visitor's
    feedback page shows prompt and answer once more, in both lanes alike. `claim`: of a request with an Idempotency-Key.
    """

    id: uuid.UUID
    source: Source
    subject_key: str
    prompt: str | Conversation
    asked_at: datetime
    actor: str
    later_ids: Sequence[uuid.UUID] = ()
    conversation_id: str = ""
    tenant: str = ""
    is_cached: bool = False
    claim: Claim | None = None

    @property
    def ids(self) -> list[uuid.UUID]:
        """Of the choices, in their order."""
        return [self.id, *self.later_ids]


def record(
    pending: PendingInteraction,
    answers: Answers,
    model_name: str,
    reply: Answer | None = None,
    is_new: bool = False,
) -> list[Interaction]:
    """Record an interaction for each choice that was asked for. Repeated for the same request, they are the same.

    `reply` is what a repetition of a request with an Idempotency-Key gets: kept if the interactions are recorded.
    `is_new`: nobody has tried yet. All is one transaction; a single interaction is one by itself.
    """
    asked_for = {index: answered for index, answered in answers.items() if index < len(pending.ids)}
    with transaction.atomic() if pending.claim or len(asked_for) > 1 else nullcontext():
        interactions = [
            record_choice(pending, index, choice, model_name, is_new) for index, choice in asked_for.items()
        ]
        if pending.claim and reply and interactions:
            keep(pending.claim, interactions[0], reply)
    if pending.is_cached:
        for index, answered in asked_for.items():
            sessions.cache_exchange(pending.ids[index], pending.prompt, answered.message)
    return interactions


def record_choice(
    pending: PendingInteraction, index: int, answered: Answered, model_name: str, is_new: bool
) -> Interaction:
    return record_interaction(
        pending.source,
        pending.subject_key,
        pending.prompt,
        answered.message,
        model_name=model_name,
        conversation_id=pending.conversation_id,
        tenant=pending.tenant,
        cut_by=answered.cut_by,
        interaction_id=pending.ids[index],
        is_new=is_new,
        happened_at=pending.asked_at,
        by=pending.actor,
    )


async def record_durably(
    pending: PendingInteraction, answers: Answers, model_name: str, reply: Answer | None = None
) -> list[Interaction]:
    """Record even if a database is away for a moment (up to 4.2 s), and whatever becomes of the request."""
    return await shielded(_record_with_retries(pending, answers, model_name, reply))


async def _record_with_retries(pending: PendingInteraction, *what: Any) -> list[Interaction]:
    is_new = True
    for pause in RETRY_SECONDS:
        try:
            return await run_in_database_thread(record, pending, *what, is_new, threads=RECORDING)
        except (OperationalError, MailboxClosed) as problem:
            is_new = False  # what failed may have been committed all the same
            log.warning("recording.delayed", interaction=str(pending.id), problem=type(problem).__name__)
            await asyncio.sleep(pause)
    return await run_in_database_thread(record, pending, *what, is_new, threads=RECORDING)
