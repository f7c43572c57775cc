"""Sessions of visitors without an account: a random id in the session is the subject of what the visitor asks.

What a visitor was just answered, and wrote about it, is shown to it again, in both lanes alike, although the default
database may not hold held-out text. So both wait in the cache, encrypted under the web process's own secret, for
two hours; afterwards the pages work without them.
"""

import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import structlog
from cryptography.fernet import InvalidToken
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from redis.exceptions import RedisError

from conversation import Conversation, Message, answer_of, answer_text, stored_answer
from conversation.layout import last_question
from feedback.actions.interactions import said
from feedback.actions.sources import PLAYGROUND
from feedback.encryption import decrypted, encrypted
from feedback.models import Source, Subject

log = structlog.get_logger(__name__)
SESSION_KEY = "visitor"
PURPOSE = "feedback.visitors"
KEEP_SECONDS = 2 * 3600


@dataclass(frozen=True, slots=True)
class Exchange:
    """A conversation and the answer to it, as the visitor saw them."""

    asked: Conversation
    answered: Message

    @classmethod
    def of(cls, prompt: str, answer: str, conversation: str = "", message: str = "") -> Self:
        """As it is cached: the two texts, and as JSON what is more than a text."""
        return cls(Conversation.of(prompt, conversation), answer_of(answer, message))

    @property
    def question(self) -> str:
        return last_question(self.asked)

    @property
    def answer(self) -> str:
        return answer_text(self.answered)


@dataclass(frozen=True, slots=True)
class Step:
    """An answer in a conversation of the playground: where feedback on it goes, and which release gave it."""

    interaction_id: uuid.UUID
    model: str
    fallback_from: str = ""


@dataclass(frozen=True, slots=True)
class CachedTexts:
    """Texts that are still in the cache: exchanges by interaction id, a visitor's own texts by feedback id."""

    exchanges: dict[uuid.UUID, Exchange]
    feedback_texts: dict[uuid.UUID, str]


def visitor_id(request: HttpRequest) -> str:
    """The id of this visitor. Ask when the visitor does something: the first time, a session is stored for it."""
    if SESSION_KEY not in request.session:
        request.session[SESSION_KEY] = secrets.token_urlsafe(24)
    return str(request.session[SESSION_KEY])


def visitor_subject(request: HttpRequest) -> Subject | None:
    """The subject of this visitor; None if it never asked anything."""
    visitor = request.session.get(SESSION_KEY)
    source = Source.objects.filter(name=PLAYGROUND).first() if visitor else None
    return Subject.objects.known_as(source, str(visitor)).select_related("source").first() if source else None


def feedback_url(interaction_id: uuid.UUID) -> str:
    """Where to give feedback on an interaction: a path on this site."""
    return reverse("feedback:give", args=[interaction_id])


def conversation_url(interaction_id: uuid.UUID) -> str:
    """The playground, with the conversation up to this answer while that is kept."""
    kept = f"?after={interaction_id}" if cached_steps(interaction_id) else ""
    return reverse("playground") + kept


def cache_exchange(interaction_id: uuid.UUID, prompt: str | Conversation, answer: str | Message) -> None:
    """Keep an exchange for the page that takes feedback on it, and for the question that follows on it."""
    asked, answered = said(prompt, answer)
    short, message = asked.short, stored_answer(answered)
    _cache(
        _exchange_key(interaction_id),
        [short or "", "" if message else answer_text(answered), "" if short else asked.stored, message],
    )


def cache_steps(steps: Sequence[Step]) -> None:
    """Keep which answers a conversation has, under the last of them."""
    told = [value for step in steps for value in (str(step.interaction_id), step.model, step.fallback_from)]
    _cache(_steps_key(steps[-1].interaction_id), told)


def cached_steps(interaction_id: uuid.UUID) -> list[Step]:
    """Which answers a conversation has up to this one, while that is kept."""
    told = _cached([_steps_key(interaction_id)]).get(_steps_key(interaction_id), [])
    return [Step(uuid.UUID(pk), model, other) for pk, model, other in zip(*[iter(told)] * 3, strict=True)]


def cache_feedback_text(feedback_id: uuid.UUID, text: str) -> None:
    """Keep what a visitor wrote, for the list of what it gave."""
    _cache(_feedback_key(feedback_id), [text])


def cached_exchange(interaction_id: uuid.UUID) -> Exchange | None:
    """The exchange, while it is kept. Ask only for interactions that the visitor owns."""
    return cached_texts([], [interaction_id]).exchanges.get(interaction_id)


def cached_texts(feedback_ids: Iterable[uuid.UUID], interaction_ids: Iterable[uuid.UUID]) -> CachedTexts:
    """All texts that are kept of these, in a single request to the cache."""
    feedback_keys = {_feedback_key(pk): pk for pk in feedback_ids}
    exchange_keys = {_exchange_key(pk): pk for pk in interaction_ids}
    texts = _cached([*feedback_keys, *exchange_keys])
    return CachedTexts(
        exchanges={pk: Exchange.of(*texts[key]) for key, pk in exchange_keys.items() if key in texts},
        feedback_texts={pk: texts[key][0] for key, pk in feedback_keys.items() if key in texts},
    )


def _cached(keys: Iterable[str]) -> dict[str, list[str]]:
    """What is kept under these keys; nothing while the cache is away."""
    try:
        return {key: decrypted(PURPOSE, text) for key, text in cache.get_many(keys).items()}
    except (RedisError, InvalidToken) as problem:
        log.warning("visitors.not_remembered", problem=type(problem).__name__)
        return {}


def _cache(key: str, texts: list[str]) -> None:
    try:
        cache.set(key, encrypted(PURPOSE, texts), KEEP_SECONDS)
    except RedisError as problem:
        log.warning("visitors.not_remembered", problem=type(problem).__name__)


def _exchange_key(interaction_id: uuid.UUID) -> str:
    return f"feedback:exchange:{interaction_id}"


def _steps_key(interaction_id: uuid.UUID) -> str:
    return f"feedback:steps:{interaction_id}"


def _feedback_key(feedback_id: uuid.UUID) -> str:
    return f"feedback:words:{feedback_id}"
