"""People without an account: a random id in the session is the subject, and whoever holds the session owns its words.

What a visitor was just answered is shown again on the capture page, in both lanes alike, although the default database
may not hold the exam's text. So the exchange waits in the cache, encrypted under the web process's own secret, for
two hours; afterwards the page works without it.
"""

import json
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.fernet import InvalidToken
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from redis.exceptions import RedisError

from feedback.actions.sources import PLAYGROUND
from feedback.models import Source, Subject
from feedback.sealed import box

log = structlog.get_logger(__name__)
SESSION_KEY = "visitor"
PURPOSE = "feedback.visitors"
KEEP_SECONDS = 2 * 3600
BY = "visitor"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked and answered, as the visitor saw it."""

    prompt: str
    answer: str


def visitor_of(request: HttpRequest) -> str:
    """This visitor's id; a new one when there is none."""
    if SESSION_KEY not in request.session:
        request.session[SESSION_KEY] = secrets.token_urlsafe(24)
    return str(request.session[SESSION_KEY])


def subject_of(request: HttpRequest) -> Subject | None:
    """The subject this visitor is, if it has ever asked anything."""
    visitor = request.session.get(SESSION_KEY)
    source = Source.objects.filter(name=PLAYGROUND).first() if visitor else None
    return Subject.objects.known_as(source, str(visitor)).first() if source else None


def remember(interaction_id: uuid.UUID, prompt: str, answer: str) -> str:
    """Keep an exchange for its capture page; returns the page's address."""
    sealed = box(PURPOSE).encrypt(json.dumps([prompt, answer]).encode())
    try:
        cache.set(_cache_key(interaction_id), sealed, KEEP_SECONDS)
    except RedisError as problem:
        log.warning("visitors.not_remembered", problem=type(problem).__name__)
    return reverse("feedback:give", args=[interaction_id])


def remembered(interaction_id: uuid.UUID) -> Exchange | None:
    """The exchange, while it is kept. Ask only for interactions that the visitor owns."""
    try:
        sealed: Any = cache.get(_cache_key(interaction_id))
        return Exchange(*json.loads(box(PURPOSE).decrypt(sealed))) if sealed else None
    except (RedisError, InvalidToken) as problem:
        log.warning("visitors.not_remembered", problem=type(problem).__name__)
        return None


def _cache_key(interaction_id: uuid.UUID) -> str:
    return f"feedback:exchange:{interaction_id}"
