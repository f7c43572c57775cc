"""Idempotency (IETF draft Idempotency-Key header): a repeated request gets the answer that the first one was given.

A request claims its key, keeps the claim alive while it works, and leaves its answer in the transaction that records
the interaction. Nobody reads the answers that wait: each is encrypted under a key that is made of its request, which
is stored nowhere here, so a repetition brings the key along. That holds in both lanes alike.
"""

import asyncio
import json
import uuid
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from feedback.api.idempotency import KEY_FORMAT
from feedback.encryption import cipher_for
from feedback.keyed_hashes import commitment
from feedback.models import ApiKey, Interaction, pseudonym_key
from serving.gateway.openai_format import GatewayError
from serving.gateway.threads import run_in_database_thread
from serving.models import IdempotentAnswer

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=1)
KEPT_PER_KEY = 10_000  # of the newest answers of an API key
CLAIMED_FOR, RENEWED_EVERY = timedelta(seconds=60), 15.0
FORGOTTEN_AT_ONCE = 1_000
IN_USE = "The first request with this Idempotency-Key is being answered. Send it again in a moment."
TOO_MANY = """
DELETE FROM serving_idempotentanswer WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY api_key_id ORDER BY id DESC) AS place FROM serving_idempotentanswer
    ) AS placed WHERE place > %s LIMIT %s)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its headers and its bytes."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer a request, until it is let go. `cipher`: the purpose under which its answer is encrypted."""

    row: int
    token: uuid.UUID
    cipher: str


def checked_key(key: str) -> str:
    """The header's value. GatewayError 400 for anything but 1 to 200 printable characters."""
    if not KEY_FORMAT.fullmatch(key):
        sentence = "Idempotency-Key must be 1 to 200 printable ASCII characters, such as a UUID."
        raise GatewayError(400, sentence, code="invalid_idempotency_key", param="Idempotency-Key")
    return key


def claim(api_key: ApiKey, key: str, request: bytes) -> Claim | Answer:
    """The right to answer this request, or the answer that it was given before.

    GatewayError 422 where the key was used with another request, 409 while the first one is being answered, or where
    its answer is not kept.
    """
    token, now = uuid.uuid4(), timezone.now()
    fingerprint = commitment(pseudonym_key(), f"completion:{api_key.pk}", request)
    cipher = f"serving.gateway.answer {sha256(request).hexdigest()}"
    ours = {"request_hash": fingerprint, "claim": token, "claimed_until": now + CLAIMED_FOR}
    row, is_new = IdempotentAnswer.objects.get_or_create(api_key=api_key, key=key, defaults=ours)
    forgotten = Q(created_at__lt=now - KEPT_FOR) | Q(interaction=None, claimed_until__lt=now)
    if is_new or IdempotentAnswer.objects.filter(forgotten, pk=row.pk).update(
        **ours, created_at=now, interaction=None, answer=None
    ):
        return Claim(row.pk, token, cipher)
    return _answer(row, fingerprint, cipher)


def _answer(row: IdempotentAnswer, fingerprint: str, cipher: str) -> Answer:
    if row.request_hash != fingerprint:
        sentence = "This Idempotency-Key was used with another request before. Send a new key with a new request."
        raise GatewayError(422, sentence, code="idempotency_key_reused", param="Idempotency-Key")
    if row.interaction_id is None:
        raise GatewayError(409, IN_USE, code="idempotency_key_in_use", param="Idempotency-Key")
    if row.answer is None:
        sentence = f"This request was answered as interaction {row.interaction_id}; its words are no longer kept."
        raise GatewayError(409, sentence, code="answer_not_kept", param="Idempotency-Key")
    headers, _, body = zlib.decompress(cipher_for(cipher).decrypt(bytes(row.answer))).partition(b"\n")
    return Answer(json.loads(headers), body)


def keep(claim: Claim, interaction: Interaction, answer: Answer) -> None:
    """Leave the answer for repetitions, in the transaction that records the interaction.

    One that is too long is not kept: a repetition is told so, and is no second call. GatewayError 409 where somebody
    else has claimed the request meanwhile: what was answered here counts for nothing.
    """
    plain = json.dumps(answer.headers).encode() + b"\n" + answer.body
    encrypted = cipher_for(claim.cipher).encrypt(zlib.compress(plain))
    kept = encrypted if len(encrypted) <= IdempotentAnswer.LONGEST else None
    held = IdempotentAnswer.objects.filter(Q(claim=claim.token) | Q(interaction=interaction), pk=claim.row)
    if not held.update(claim=None, claimed_until=None, interaction=interaction, answer=kept):
        raise GatewayError(409, IN_USE, code="idempotency_key_in_use", param="Idempotency-Key")


@asynccontextmanager
async def alive(claim: Claim) -> AsyncIterator[None]:
    """Renew the claim while somebody works on the answer; what was not kept in the end may be claimed again."""
    renewal = asyncio.create_task(_renew(claim))
    try:
        yield
    finally:
        renewal.cancel()
        await _touch(claim, lambda row: row.delete())


async def _renew(claim: Claim) -> None:
    while True:
        await asyncio.sleep(RENEWED_EVERY)
        await _touch(claim, lambda row: row.update(claimed_until=timezone.now() + CLAIMED_FOR))


async def _touch(claim: Claim, change: Callable[[QuerySet[IdempotentAnswer]], object]) -> None:
    """Change the row while it is claimed. A database that is away is no harm: the claim then ends by itself."""
    row = IdempotentAnswer.objects.filter(pk=claim.row, claim=claim.token)
    try:
        await run_in_database_thread(change, row)
    except (DatabaseError, InterfaceError) as problem:
        log.warning("idempotency.claim_not_changed", problem=type(problem).__name__)


def forget_answers() -> int:
    """Delete what is older than a day, and what an API key has too many of, at most 1,000 of each; returns how many."""
    old = IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).values("pk")[:FORGOTTEN_AT_ONCE]
    deleted, _ = IdempotentAnswer.objects.filter(pk__in=old).delete()
    with connection.cursor() as cursor:
        cursor.execute(TOO_MANY, [KEPT_PER_KEY, FORGOTTEN_AT_ONCE])
        return deleted + cursor.rowcount
