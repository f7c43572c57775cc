"""Once is enough: a request repeated under its Idempotency-Key gets its first reply, and writes nothing."""

import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable
from rest_framework.renderers import JSONRenderer

from cftapp.base.problems import Busy
from cftapp.base.refusal import Refused
from feedback import lanes
from feedback.models import ApiKey, IdempotentReply, subject_key

SHAPE = re.compile(r"[\x21-\x7e]{1,200}")
KEEP = timedelta(days=7)
TIDY_ONE_IN = 500


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids for what a request creates: the same ones when the request is repeated under its key."""

    api_key: ApiKey
    idempotency_key: str

    def new(self, name: str = "") -> uuid.UUID:
        return self.repeatable(name) or uuid.uuid4()

    def repeatable(self, name: str = "") -> uuid.UUID | None:
        """None without a key: the action draws a random id then, and need not ask whether it exists."""
        if not self.idempotency_key:
            return None
        return lanes.object_id(subject_key(), "request", str(self.api_key.pk), self.idempotency_key, name)


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
    """Run `work`, under a key in one transaction with its reply; or return what it answered before.

    Duplicates wait for each other on a lock of the key. A refused request stores nothing, so that it may be corrected
    or tried again. `request` is method, path and body: another request under the same key is refused.
    """
    if not idempotency_key:
        return work(Ids(api_key, ""))
    if not SHAPE.fullmatch(idempotency_key):
        message = "The key must be 1 to 200 printable ASCII characters."
        raise Refused.because("Idempotency-Key", message, "Send a UUID, for example.")
    fingerprint = lanes.commitment(subject_key(), f"request:{api_key.pk}", request)
    with transaction.atomic():
        _wait_for(api_key, idempotency_key)
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
    if random.randrange(TIDY_ONE_IN) == 0:
        forget_old_replies()
    return reply


def _wait_for(api_key: ApiKey, idempotency_key: str) -> None:
    name = f"idempotency:{api_key.pk}:{idempotency_key}"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    except OperationalError as problem:
        if isinstance(problem.__cause__, LockNotAvailable):
            raise Busy from problem
        raise


def _repeat(first: IdempotentReply, fingerprint: str) -> Reply:
    if first.request_hash != fingerprint:
        message = "This key was used for another request before."
        raise Refused.because("Idempotency-Key", message, "Send a new key with a new request.")
    return Reply(first.status, first.body, repeated=True)


def forget_old_replies() -> int:
    """Drop some of the replies that nobody will ask for again; returns how many."""
    oldest = IdempotentReply.objects.order_by("id").values_list("pk", "created_at")[:1_000]
    limit = timezone.now() - KEEP
    old = [key for key, created_at in oldest if created_at < limit]
    return IdempotentReply.objects.filter(pk__in=old).delete()[0]
