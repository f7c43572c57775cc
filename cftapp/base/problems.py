"""Errors of the API as problem details (RFC 9457): which field, what is wrong with it, what would be accepted."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from cftapp.base import room
from cftapp.base.refusal import Refused, Unreachable

log = structlog.get_logger(__name__)
CONTENT_TYPE = "application/problem+json"

REMEDIES = {
    "required": "Send this field.",
    "null": "Send a value, or leave the field out.",
    "blank": "Send some text.",
    "invalid_choice": "Send one of the values in the schema.",
    "max_length": "Shorten it.",
    "null_characters_not_allowed": "Remove the NUL characters.",
    "surrogate_characters_not_allowed": "Send well-formed Unicode: a surrogate (U+D800 to U+DFFF) needs its partner.",
    "unknown": "Leave it out; the schema lists the fields.",
    "invalid": "See the schema at /api/schema/.",
    "does_not_exist": "Send the id that was answered.",
}
TITLES = {
    400: "The request cannot be read",
    401: "No usable API key",
    403: "Not allowed",
    404: "Not found",
    405: "This method is not offered here",
    409: "The state of things does not allow it now",
    413: "The request is too large",
    415: "This content type is not accepted",
    422: "The request was refused",
    429: "Too many requests",
    500: "Something broke",
    503: "Temporarily unavailable",
    507: "The disk is full",
}


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large. Split it into smaller requests."
    default_code = "too_large"


class Busy(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "A request with this Idempotency-Key is still being answered. Try again in a moment."
    default_code = "busy"


class Unavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Nothing was recorded. Send the same request again in a moment."
    default_code = "unavailable"


class NoRoom(exceptions.APIException):
    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_detail = room.SENTENCE
    default_code = "disk_full"


def handle(problem: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler for this API; what it does not know becomes a 500, and is logged as one."""
    known = translated(problem)
    if isinstance(known, Refused):
        return reply(known.status, "Nothing was changed.", [asdict(blocked) for blocked in known.blockers])
    if isinstance(known, exceptions.ValidationError):
        return reply(422, "Some fields are missing or wrong.", list(errors_in(known.detail)))
    if not isinstance(known, exceptions.APIException):
        return None
    response = reply(known.status_code, str(known.detail))
    if isinstance(known, exceptions.Throttled):
        response["Retry-After"] = str(int(getattr(known, "wait", None) or 0) + 1)
    if isinstance(known, Busy | Unavailable | NoRoom):
        response["Retry-After"] = "1"
    if header := getattr(known, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def translated(problem: Exception) -> Exception:
    """Errors of other layers in the API's terms."""
    if isinstance(problem, Http404):
        return exceptions.NotFound(str(problem) or "There is nothing at this address.")
    if isinstance(problem, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(problem, RequestDataTooBig):
        return TooLarge()
    if room.is_full(problem):
        log.error("api.disk_full", problem=type(problem).__name__)
        return NoRoom()
    if isinstance(problem, Unreachable | OperationalError):
        log.warning("api.unavailable", problem=type(problem).__name__, cause=type(problem.__cause__).__name__)
        return Unavailable()
    return problem


def reply(code: int, detail: str, errors: list[dict[str, str]] | None = None) -> Response:
    body = details(code, detail) | ({"errors": errors} if errors else {})
    return Response(body, status=code, content_type=CONTENT_TYPE)


def details(code: int, detail: str) -> dict[str, Any]:
    """Problem details without a list of fields."""
    return {"type": "about:blank", "title": TITLES.get(code, "Error"), "status": code, "detail": detail}


def errors_in(detail: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """DRF's nested errors as a flat list. Values are not repeated: a reply may be stored, words may not."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from errors_in(inner, (*path, str(name)) if name != "non_field_errors" else path)
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from errors_in(inner, (*path, str(place)) if nested else path)
    else:
        code = getattr(detail, "code", "invalid")
        message = "This is not one of the allowed values." if code == "invalid_choice" else str(detail)
        yield {
            "field": ".".join(path) or "body",
            "message": message,
            "remedy": REMEDIES.get(code, REMEDIES["invalid"]),
        }
