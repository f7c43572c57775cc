"""Is it alive, is it whole: `/healthz` for this process, `/readyz` for everything it needs."""

import time
import urllib.request
from collections.abc import Callable

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.db.utils import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from cftapp.access.roles import ROLES
from cftapp.base import room
from cftapp.operations.heartbeat import key
from serving.releases.condition import champion_problem

SILENT_AFTER, SILENT_AFTER_ASKED = 120.0, 3.0
SEALER_LAG = 120.0


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every check says "ok", else 503. Each value is a word or two, never an address or a secret."""
    report = {name: outcome(check) for name, check in checks().items()}
    return JsonResponse(report, status=200 if set(report.values()) == {"ok"} else 503)


def checks() -> dict[str, Callable[[], str]]:
    by_name: dict[str, Callable[[], str]] = {f"database {alias}": database(alias) for alias in settings.DATABASES}
    by_name["disk"] = disk
    by_name["redis"] = redis
    by_name["workers"] = workers
    by_name["sealer"] = sealer
    by_name["model server"] = model_server
    by_name["champion"] = champion
    return by_name


def outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, RedisError, OSError) as problem:
        return type(problem).__name__


def database(alias: str) -> Callable[[], str]:
    def answers() -> str:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
        return "ok"

    return answers


def disk() -> str:
    return "ok" if room.left(settings.CFT_VAR) else "full"


def redis() -> str:
    cache.set("readyz", 1, timeout=10)
    return "ok" if cache.get("readyz") == 1 else "does not keep"


def workers() -> str:
    names = [role.name for role in ROLES.values() if role.queue]
    heard = cache.get_many([key(name) for name in names])
    silent = [name for name in names if time.time() - seconds(heard.get(key(name))) > SILENT_AFTER]
    return "silent: " + ", ".join(silent) if silent else "ok"


def seconds(heard: object) -> float:
    """The time that a worker left; long ago where it left none, or something else lies there."""
    return float(heard) if isinstance(heard, int | float) else 0.0


def sealer() -> str:
    """Events must be sealed soon after they are written: the oldest unsealed one is young."""
    event = apps.get_model("audit", "Event")
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(extract(epoch FROM now() - min(e.recorded_at)), 0) FROM {event._meta.db_table} e "
            "LEFT JOIN audit_leaf l ON l.event_id = e.id WHERE l.event_id IS NULL"
        )
        lag = float(cursor.fetchone()[0])
    return "ok" if lag < SEALER_LAG else f"{lag:.0f} s behind"


def model_server() -> str:
    try:
        with urllib.request.urlopen(f"{settings.CFT_MODEL_SERVER_URL}/v1/models", timeout=SILENT_AFTER_ASKED) as answer:
            return "ok" if answer.status == 200 else f"status {answer.status}"
    except TimeoutError:
        return f"no answer in {SILENT_AFTER_ASKED:.0f} s"


def champion() -> str:
    return champion_problem() or "ok"
