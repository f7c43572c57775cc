"""The short way of requests below /v1/, where programs ask the gateway.

They have an API key and neither cookie nor form nor frame, so the middleware of sessions, forms and pages has nothing
to say to them: answers are JSON with `nosniff`, and carry no Content-Security-Policy and no X-Frame-Options. Django
takes each of its steps to a thread and back: some twenty ways for an answer of milliseconds.
"""

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import Resolver404, resolve
from django.utils.decorators import sync_and_async_middleware

from cftapp.operations.addresses import refuse_unreadable
from cftapp.operations.caching import marked


@sync_and_async_middleware
def short_way(get_response: Any) -> Any:
    """Middleware: an address of the gateway, as it is spelt in its map, goes straight to its view; all else on."""
    if not iscoroutinefunction(get_response):
        return get_response
    steps = SecurityMiddleware(get_response), CommonMiddleware(get_response)  # they look at headers only

    async def viewed(request: HttpRequest) -> HttpResponseBase:
        refuse_unreadable(request)
        for step in steps:
            if elsewhere := step.process_request(request):
                return elsewhere
        match: Any = request.resolver_match
        return await match.func(request, *match.args, **match.kwargs)

    view_of: Any = convert_exception_to_response(viewed)

    async def answer(request: HttpRequest) -> HttpResponseBase:
        if not is_of_gateway(request):
            return await get_response(request)
        response = await view_of(request)
        for step in steps:
            response = step.process_response(request, response)
        return marked(response)

    return answer


def is_of_gateway(request: HttpRequest) -> bool:
    """Whether it is for the gateway; if so, it is known from then on for which view."""
    if not request.path_info.startswith("/v1/"):
        return False
    try:
        request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return False
    return True
