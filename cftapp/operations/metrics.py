"""`/metrics` of every process, as Prometheus reads it.

The web process answers at `/metrics`, with what waits in the database beside its own figures. A worker answers on the
port CFT_METRICS_PORT, where that is set. Who may look: who knows CFT_METRICS_TOKEN (`Authorization: Bearer …`); without
a token only this machine itself, and nobody through a proxy.

What waits, an app declares in `<app>/counts.py`, about its own tables, as a statement with two columns: how many rows,
and for how many seconds the oldest of them:

    WAITING = {"screening": "SELECT count(*), extract(epoch FROM now() - min(opened_at)) FROM curation_case WHERE …"}
"""

import hmac
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from cftapp.base.declared import declared
from serving.releases.condition import champion_problem

LOOPBACK = ("127.0.0.1", "::1")
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def may_look(environ: Mapping[str, Any]) -> bool:
    """Whether the sender of a request, as WSGI describes it, may see the metrics."""
    if token := settings.CFT_METRICS_TOKEN:
        given = str(environ.get("HTTP_AUTHORIZATION", ""))
        return hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode())
    return environ.get("REMOTE_ADDR") in LOOPBACK and not any(name in environ for name in FORWARDED)


class Waiting:
    """A collector: rows that wait and seconds that the oldest has waited, by what they wait for. One query each."""

    def collect(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily("cft_waiting_rows", "Rows that wait.", labels=["queue"])
        oldest = GaugeMetricFamily("cft_waiting_seconds", "Seconds that the oldest row has waited.", labels=["queue"])
        with connection.cursor() as cursor:
            for name, statement in declared("counts", "WAITING").items():
                cursor.execute(statement)
                count, seconds = cursor.fetchone()
                rows.add_metric([name], count)
                oldest.add_metric([name], float(seconds or 0))
        yield rows
        yield oldest
        yield GaugeMetricFamily(
            "cft_champion_usable", "1 while the champion's adapter can be loaded.", champion_usable()
        )


class WebFigures:
    """This process's own figures, then what waits: one exposition, since OpenMetrics ends each with a line."""

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()
        yield from Waiting().collect()


def champion_usable() -> int:
    return 0 if champion_problem() else 1


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The web process's figures, and what waits."""
    if not may_look(request.META):
        return HttpResponse("Send CFT_METRICS_TOKEN as a bearer token.\n", status=403, content_type="text/plain")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(WebFigures()), content_type=content_type)


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """A scrape is no news."""


def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A worker's figures, for who may look."""
    if not may_look(environ):
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"Send CFT_METRICS_TOKEN as a bearer token.\n"]
    return figures(environ, start_response)


figures: Callable[..., Iterable[bytes]] = make_wsgi_app(REGISTRY)


def serve() -> int | None:
    """Answer scrapes of this process from a thread of its own; the port, None where none is configured.

    On loopback, or on every address where a token guards it.
    """
    if settings.CFT_METRICS_PORT is None:
        return None
    address = "0.0.0.0" if settings.CFT_METRICS_TOKEN else "127.0.0.1"  # noqa: S104 - guarded by the token
    server = make_server(address, settings.CFT_METRICS_PORT, guarded, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_port)
