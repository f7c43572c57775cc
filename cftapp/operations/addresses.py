"""What every request goes through before a view sees it: it can be read, and either spelling of an address will do."""

import codecs
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

NUL = "\0"
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


class Addresses:
    """Middleware. With and without its final slash an address is the same, for every method: nothing is redirected, as
    that would turn a POST into a GET. A NUL, which PostgreSQL cannot store, and any encoding but UTF-8 are 400.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]):
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        refuse_unreadable(request)
        spell(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Forms are read here; what is exempt from the check of forms has a parser of its own."""
        if request.content_type in FORMS and not getattr(view, "csrf_exempt", False):
            refuse_nul("form", (value for values in request.POST.lists() for value in (values[0], *values[1])))


def refuse_unreadable(request: HttpRequest) -> None:
    refuse_nul("address", (request.path, unquote(request.META.get("QUERY_STRING", ""))))
    refuse_nul("cookies", request.COOKIES.values())
    charset = (request.content_params or {}).get("charset", "utf-8")
    if not is_utf8(charset):
        raise BadRequest("The request is in another encoding than UTF-8. Send UTF-8. Nothing was changed.")


def refuse_nul(where: str, texts: Iterable[str]) -> None:
    if any(NUL in text for text in texts):
        raise BadRequest(f"A NUL character stands in the {where}. Leave it out. Nothing was changed.")


def is_utf8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in ("utf-8", "ascii")
    except (LookupError, ValueError):
        return False


def spell(request: HttpRequest) -> None:
    """Give the request the spelling of its address that exists, where only the other one does."""
    path = request.path_info
    other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    if other and not is_valid_path(path) and is_valid_path(other):
        request.path = request.path.removesuffix("/") if path.endswith("/") else f"{request.path}/"
        request.path_info = other
