"""Idempotency (IETF draft Idempotency-Key header): a repeated request gets its first reply, and writes nothing."""

import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable
from rest_framework.renderers import JSONRenderer

from cftapp.base.locks import lock_until_commit
from cftapp.base.problems import Busy
from cftapp.base.refusal import Refused
from feedback.keyed_hashes import commitment, object_id
from feedback.models import ApiKey, IdempotentReply, pseudonym_key

KEY_FORMAT = re.compile(r"[\x21-\x7e]{1,200}")
KEPT_FOR = timedelta(days=7)
REQUESTS_PER_CLEANUP = 500


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids for what a request creates: the same ids when the request is repeated under its key."""

    api_key: ApiKey
    idempotency_key: str

    def new(self, name: str = "") -> uuid.UUID:
        return self.repeatable(name) or uuid.uuid4()

    def repeatable(self, name: str = "") -> uuid.UUID | None:
        """None without a key: the action draws a random id then, and need not ask whether it exists."""
        if not self.idempotency_key:
            return None
        return object_id(pseudonym_key(), "request", str(self.api_key.pk), self.idempotency_key, name)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and the JSON that goes with it, as text: a repetition is the same to the byte."""

    status: int
    body: str
    repeated: bool = False

    @classmethod
    def of(cls, status: int, data: Any) -> "Reply":
        return cls(status, JSONRenderer().render(data).decode())


def answer_once(api_key: ApiKey, idempotency_key: str, request: bytes, work: Callable[[Ids], Reply]) -> Reply:
    """Run `work` once for an idempotency key, in one transaction with its reply; a repetition gets that reply.

    Duplicates wait for each other on a lock of the key. A refused request stores nothing, so that it may be corrected
    or tried again. `request` is method, path and body: another request under the same key is Refused. Busy (409) where
    the first request takes longer than the lock timeout.
    """
    if not idempotency_key:
        return work(Ids(api_key, ""))
    if not KEY_FORMAT.fullmatch(idempotency_key):
        message = "The key must be 1 to 200 printable ASCII characters."
        raise Refused.because("Idempotency-Key", message, "Send a UUID, for example.")
    fingerprint = commitment(pseudonym_key(), f"request:{api_key.pk}", request)
    with transaction.atomic():
        _lock(f"idempotency:{api_key.pk}:{idempotency_key}")
        if first := IdempotentReply.objects.filter(api_key=api_key, key=idempotency_key).first():
            return _repeat(first, fingerprint)
        reply = work(Ids(api_key, idempotency_key))
        IdempotentReply.objects.create(
            api_key=api_key,
            key=idempotency_key,
            request_hash=fingerprint,
            status=reply.status,
            body=reply.body,
        )
    if random.randrange(REQUESTS_PER_CLEANUP) == 0:
        delete_old_replies()
    return reply


def _lock(name: str) -> None:
    try:
        lock_until_commit(name)
    except OperationalError as problem:
        if isinstance(problem.__cause__, LockNotAvailable):
            raise Busy from problem
        raise


def _repeat(first: IdempotentReply, fingerprint: str) -> Reply:
    if first.request_hash != fingerprint:
        message = "This key was used for another request before."
        raise Refused.because("Idempotency-Key", message, "Send a new key with a new request.")
    return Reply(first.status, first.body, repeated=True)


def delete_old_replies() -> int:
    """Delete replies that are older than a week, at most 1,000 at a time; returns how many."""
    oldest = IdempotentReply.objects.order_by("id").values_list("pk", "created_at")[:1_000]
    limit = timezone.now() - KEPT_FOR
    expired = [pk for pk, created_at in oldest if created_at < limit]
    return IdempotentReply.objects.filter(pk__in=expired).delete()[0]
