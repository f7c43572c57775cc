"""Where somebody without a session signs in, and the page that they come back to afterwards."""

import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django_htmx.http import HttpResponseClientRedirect

READS = ("GET", "HEAD")


def send_to_sign_in(request: HttpRequest) -> HttpResponse:
    """The way to the sign-in page. htmx is told to leave the page: it would swap the form into a part of it."""
    answer = redirect_to_login(page_of(request))
    return HttpResponseClientRedirect(answer.url) if is_htmx(request) else answer


def page_of(request: HttpRequest) -> str:
    """The page that the person is looking at, or home: never an address that takes only a POST."""
    if request.method in READS and not is_htmx(request):
        return request.get_full_path()
    address = urlsplit(request.headers.get("HX-Current-URL" if is_htmx(request) else "Referer", ""))
    ours = address.netloc == request.get_host() and is_page(address.path)
    return address._replace(scheme="", netloc="", fragment="").geturl() if ours else reverse("home")


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def is_page(path: str) -> bool:
    """Whether the address answers a GET, as far as its view says so."""
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return "GET" in methods_of(view)


def methods_of(view: Callable[..., Any]) -> list[str]:
    """What `require_http_methods` (and its shorthands, anywhere among the decorators) lets through; GET without it."""
    guard = inspect.unwrap(view, stop=lambda one: "request_method_list" in one.__code__.co_freevars)
    methods: list[str] = inspect.getclosurevars(guard).nonlocals.get("request_method_list", ["GET"])
    return methods
