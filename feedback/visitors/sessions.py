"""People without an account: a random id in the session is the subject, and whoever holds the session owns its words.

What a visitor was just answered, and wrote about it, is shown to it again, in both lanes alike, although the default
database may not hold the exam's text. So both wait in the cache, encrypted under the web process's own secret, for
two hours; afterwards the pages work without them.
"""

import json
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

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
    _keep(_exchange_key(interaction_id), [prompt, answer])
    return reverse("feedback:give", args=[interaction_id])


def remember_words(feedback_id: uuid.UUID, words: str) -> None:
    """Keep what a visitor wrote, for the list of what it gave."""
    _keep(_words_key(feedback_id), [words])


def remembered(interaction_id: uuid.UUID) -> Exchange | None:
    """The exchange, while it is kept. Ask only for interactions that the visitor owns."""
    return recall([], [interaction_id]).exchanges.get(interaction_id)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is still kept, by the ids of interactions and of feedback."""

    exchanges: dict[uuid.UUID, Exchange]
    words: dict[uuid.UUID, str]


def recall(feedback_ids: Iterable[uuid.UUID], interaction_ids: Iterable[uuid.UUID]) -> Memory:
    """All that is kept of a visitor's own, in one question to the cache."""
    words = {_words_key(pk): pk for pk in feedback_ids}
    exchanges = {_exchange_key(pk): pk for pk in interaction_ids}
    try:
        sealed: dict[str, bytes] = cache.get_many([*words, *exchanges])
        found = {key: json.loads(box(PURPOSE).decrypt(value)) for key, value in sealed.items()}
    except (RedisError, InvalidToken) as problem:
        log.warning("visitors.not_remembered", problem=type(problem).__name__)
        found = {}
    return Memory(
        exchanges={pk: Exchange(*found[key]) for key, pk in exchanges.items() if key in found},
        words={pk: found[key][0] for key, pk in words.items() if key in found},
    )


def _keep(key: str, texts: list[str]) -> None:
    try:
        cache.set(key, box(PURPOSE).encrypt(json.dumps(texts).encode()), KEEP_SECONDS)
    except RedisError as problem:
        log.warning("visitors.not_remembered", problem=type(problem).__name__)


def _exchange_key(interaction_id: uuid.UUID) -> str:
    return f"feedback:exchange:{interaction_id}"


def _words_key(feedback_id: uuid.UUID) -> str:
    return f"feedback:words:{feedback_id}"
