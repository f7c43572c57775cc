"""A new key's token on its way to the page that shows it: sealed, for five minutes, and for one reading by its issuer.

Between two requests it can only wait on the server. Neither database may hold it, so it waits in the cache, under a
key that only holders of SECRET_KEY can derive.
"""

import json

import structlog
from cryptography.fernet import InvalidToken
from django.core.cache import cache
from redis.exceptions import RedisError

from feedback.sealed import box

log = structlog.get_logger(__name__)
PURPOSE = "feedback.show_once"
KEEP_SECONDS = 300


def keep(user: object, key: int, token: str) -> bool:
    """Lay the token of an API key down for its issuer; False if it cannot be kept."""
    try:
        cache.set(_address(user), box(PURPOSE).encrypt(json.dumps([key, token]).encode()), KEEP_SECONDS)
    except RedisError as problem:
        log.warning("show_once.not_kept", problem=type(problem).__name__)
        return False
    return True


def take(user: object) -> tuple[int, str] | None:
    """The id and token of the key this person issued last, the first time they are asked for."""
    try:
        sealed = cache.get(_address(user))
        if not sealed or not cache.delete(_address(user)):
            return None
        key, token = json.loads(box(PURPOSE).decrypt(sealed))
    except (RedisError, InvalidToken) as problem:
        log.warning("show_once.not_kept", problem=type(problem).__name__)
        return None
    return int(key), str(token)


def _address(user: object) -> str:
    return f"feedback:token:{user}"
