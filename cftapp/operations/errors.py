"""What goes wrong outside a view, told in the form of the interface that was asked.

Below /v1/ that is OpenAI's error, below /api/ problem details (RFC 9457), elsewhere a page. Views tell their own.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import sync_and_async_middleware

from cftapp.base import problems, room
from serving.gateway.openai_format import GatewayError, unknown_endpoint

NOT_READABLE = "The request cannot be read. Nothing was changed."
TOO_LARGE = "The request is too large. Split it into smaller ones."
NOT_FOUND = "There is nothing at this address."
FORBIDDEN = "This is not allowed. Nothing was changed."
AWAY = "The database does not answer at the moment. Send the same again in a few seconds."
BROKEN = "Something broke on our side. What was sent is either done or changed nothing; the server's log has the error."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 400, and of 413, which it takes for one."""
    if isinstance(exception, RequestDataTooBig):
        return answer(request, 413, TOO_LARGE)
    return answer(request, 400, str(exception) if isinstance(exception, BadRequest) else NOT_READABLE)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, 403, FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, 404, NOT_FOUND)


def broken(request: HttpRequest) -> HttpResponse:
    """507 for a full disk, 503 for a database that is away: try again. 500 for what is a fault of ours."""
    problem = sys.exc_info()[1]
    if room.is_full(problem):
        return try_again(answer(request, 507, room.SENTENCE))
    if isinstance(problem, OperationalError):
        return try_again(answer(request, 503, AWAY))
    return answer(request, 500, BROKEN)


def try_again(response: HttpResponse) -> HttpResponse:
    response["Retry-After"] = "5"
    return response


def answer(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if encoded := as_json(request.path, status, detail):
        content_type, body = encoded
        return HttpResponse(body, status=status, content_type=content_type)
    return render(request, f"{status}.html", {"detail": detail}, status=status)


def as_json(path: str, status: int, detail: str) -> tuple[str, bytes] | None:
    """Content type and body of an error at an address for programs; None at those for people."""
    body: dict[str, Any]
    if path.startswith("/v1/"):
        problem = unknown_endpoint(path) if status == 404 else GatewayError(status, detail)
        content_type, body = "application/json", problem.body()
    elif path.startswith("/api/"):
        content_type, body = problems.CONTENT_TYPE, problems.details(status, detail)
    else:
        return None
    return content_type, json.dumps(body).encode()


@sync_and_async_middleware
def no_blank_page(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: an address that was asked with a method it does not know says so."""

    def is_blank(response: Any) -> bool:
        return response.status_code == 405 and not response.streaming and not response.content

    def explained(request: HttpRequest, response: Any) -> HttpResponse:
        page = answer(request, 405, f"This address answers {response['Allow']}. Nothing was changed.")
        page["Allow"] = response["Allow"]
        return page

    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> Any:
            response = await get_response(request)
            return await sync_to_async(explained)(request, response) if is_blank(response) else response

        return later

    def at_once(request: HttpRequest) -> Any:
        response = get_response(request)
        return explained(request, response) if is_blank(response) else response

    return at_once
