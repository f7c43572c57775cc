"""One-time display of a new API key's token: encrypted, kept for five minutes, and read once, by its issuer.

Between two requests it can only wait on the server. Neither database may hold it, so it waits in the cache, under a
key that only holders of SECRET_KEY can derive.
"""

import structlog
from cryptography.fernet import InvalidToken
from django.core.cache import cache
from redis.exceptions import RedisError

from feedback.encryption import decrypted, encrypted

log = structlog.get_logger(__name__)
PURPOSE = "feedback.show_once"
KEEP_SECONDS = 300


def store(user_id: object, api_key_id: int, token: str) -> bool:
    """Keep the token of an API key for its issuer; False if it cannot be kept."""
    try:
        cache.set(_cache_key(user_id), encrypted(PURPOSE, [api_key_id, token]), KEEP_SECONDS)
    except RedisError as problem:
        log.warning("show_once.not_kept", problem=type(problem).__name__)
        return False
    return True


def pop(user_id: object) -> tuple[int, str] | None:
    """The id and token of the API key this person issued last; None from the second call on."""
    try:
        kept = cache.get(_cache_key(user_id))
        if not kept or not cache.delete(_cache_key(user_id)):
            return None
        api_key_id, token = decrypted(PURPOSE, kept)
    except (RedisError, InvalidToken) as problem:
        log.warning("show_once.not_kept", problem=type(problem).__name__)
        return None
    return int(api_key_id), str(token)


def _cache_key(user_id: object) -> str:
    return f"feedback:token:{user_id}"
