"""Values of the cache as JSON: whoever can write to Redis can then lie, but runs nothing in the processes that read."""

import json
from typing import Any

import structlog

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
