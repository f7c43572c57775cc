"""The cache in Redis: its values are JSON, and a process keeps its connections.

Whoever can write to Redis can then lie, but runs nothing in the processes that read.
"""

import json
from typing import Any, ClassVar

import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import ConnectionPool

log = structlog.get_logger(__name__)


class JSONSerializer:
    """In place of Django's, which pickles. What is no JSON was not written by us: it is passed over, as if missing."""

    def dumps(self, value: Any) -> int | str:
        return value if type(value) is int else json.dumps(value)

    def loads(self, stored: bytes) -> Any:
        try:
            return json.loads(stored)
        except (ValueError, RecursionError):
            log.error("cache.unreadable", size=len(stored))
            return None


class SharedClient(RedisCacheClient):
    """Django makes a client for every request, and each would open a connection of its own: these share them."""

    shared: ClassVar[dict[tuple[str, ...], dict[int, ConnectionPool]]] = {}

    def __init__(self, servers: list[str], *args: Any, **options: Any) -> None:
        super().__init__(servers, *args, **options)
        self._pools = self.shared.setdefault(tuple(servers), {})


class Cache(RedisCache):
    """Django's, with such clients."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = SharedClient
