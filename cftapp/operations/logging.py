"""Structured logs: one JSON object a line (or a readable line), the request's id on every line inside a request.

Logs hold no personal data: no address, no query string, no body, no user name. An account is its number.
"""

import logging
import logging.config
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from cftapp.base.metrics import REQUEST_SECONDS, REQUESTS

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]

QUIET = {"/healthz", "/readyz", "/metrics"}


def logging_config(*, role: str, level: str, style: str) -> dict[str, Any]:
    """A `logging.config` dictionary; `style` is "json" or "console"."""
    renderers: list[Any] = [structlog.processors.JSONRenderer()]
    if style == "console":
        renderers = [in_short, structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)]
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*SHARED, role_stamp(role)],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": formatter},
        "filters": {"expected": {"()": "cftapp.operations.logging.Unexpected"}},
        "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "structured", "filters": ["expected"]}},
        "root": {"handlers": ["stream"], "level": level},
        "loggers": {
            "django": {
                "handlers": [],
                "propagate": True,
            },  # Django's own would say everything twice where CFT_DEBUG is true
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},
            "sentence_transformers": {"level": "WARNING"},
            "uvicorn.access": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
        "cft_role": role,
    }


class Unexpected(logging.Filter):
    """Drops what is no news: a probe that is told "not yet"."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        return not (record.name == "django.request" and getattr(request, "path", "") in QUIET)


def in_short(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A request as people read it: `GET triage/ 200 in 12.1 ms`."""
    if event.get("event") == "request" and "route" in event:
        said = [str(event.pop(name)) for name in ("method", "route", "status", "ms")]
        event["event"] = "{} {} {} in {} ms".format(*said)
    return event


def role_stamp(role: str) -> Callable[..., MutableMapping[str, Any]]:
    def stamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["role"] = role
        return event

    return stamp


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: set up the standard library's logging and structlog on top of it."""
    role = config["cft_role"]
    logging.config.dictConfig({name: value for name, value in config.items() if name != "cft_role"})
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*SHARED, role_stamp(role), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class RequestLog:
    """Middleware: binds a request id, answers it as `X-Request-ID`, and logs one line a request.

    An id sent by the proxy is kept when it is a UUID; anything else is replaced, because it ends up in the log.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]):
        self.get_response = get_response
        self.log = structlog.get_logger("cftapp.request")
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self.get_response):
            return self.answer_async(request)
        started = self.begin(request)
        return self.end(request, self.get_response(request), started)  # type: ignore[arg-type]

    async def answer_async(self, request: HttpRequest) -> HttpResponse:
        started = self.begin(request)
        return self.end(request, await self.get_response(request), started)  # type: ignore[misc]

    def begin(self, request: HttpRequest) -> float:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id(request))
        return time.monotonic()

    def end(self, request: HttpRequest, response: HttpResponse, started: float) -> HttpResponse:
        response["X-Request-ID"] = structlog.contextvars.get_contextvars().get("request_id", "")
        if request.path not in QUIET and not request.path.startswith("/static/"):
            facts = summary(request, response, started)
            REQUESTS.labels(request.method, facts["route"], response.status_code).inc()
            REQUEST_SECONDS.labels(facts["route"]).observe(time.monotonic() - started)
            self.log.info("request", **facts)
        return response


def request_id(request: HttpRequest) -> str:
    try:
        return str(uuid.UUID(request.headers.get("X-Request-ID", "")))
    except ValueError:
        return str(uuid.uuid4())


def summary(request: HttpRequest, response: HttpResponse, started: float) -> dict[str, Any]:
    """What the log keeps of a request: the route's pattern, never the address that was asked for."""
    match = request.resolver_match
    user = getattr(request, "_cached_user", None)
    return {
        "method": request.method,
        "route": match.route if match else "(none)",
        "status": response.status_code,
        "ms": round((time.monotonic() - started) * 1000, 1),
        "account": getattr(user, "pk", None),
    }
