"""The OpenAI-compatible gateway: applications ask the champion here, and every answer becomes an interaction.

Answers carry `X-Cft-Interaction`, the id that feedback refers to (the completion's own id is `chatcmpl-` and the same
id), and `X-Cft-Release`, which release answered.
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from feedback.api.authentication import rest_of_minute, within_rate
from feedback.lanes import lane_of
from feedback.models import ApiKey, Source, subject_key
from serving.gateway import answering, wire
from serving.gateway.answering import Answer, Answering, Choice
from serving.gateway.choices import CHAMPION, choices_for
from serving.gateway.model_server import Chunk, ModelServer
from serving.gateway.recording import Exchange, in_database, keep_surely
from serving.gateway.relay import event_stream
from serving.gateway.wire import ChatRequest, WireError
from serving.models import Release

log = structlog.get_logger(__name__)
View = Callable[..., Any]
MOST_DRAWS = 100_000


class OpenAIVoice:
    """Chunks under the release's name and the interaction's id; then the end mark."""

    def __init__(self, choice: Choice, exchange: Exchange) -> None:
        self._stamp = {"id": completion_id(exchange), "model": choice.title}

    def chunk(self, chunk: Chunk) -> bytes:
        return wire.event({**chunk, **self._stamp})

    def end(self) -> bytes:
        return wire.DONE

    def problem(self, error: WireError) -> bytes:
        return wire.event(error.body())


def openai_view(*methods: str) -> Callable[[View], View]:
    """A view for API clients: no cookie, no CSRF token, and errors in the form OpenAI clients read."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                if request.method not in methods:
                    raise WireError(405, f"{request.method} is not supported here; use {' or '.join(methods)}.")
                return await view(request, *args, **kwargs)
            except WireError as error:
                return refusal(error)

        return guarded

    return decorate


def refusal(error: WireError) -> HttpResponse:
    response = JsonResponse(error.body(), status=error.status)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        response["Retry-After"] = "5"
    if error.status == 429:
        response["Retry-After"] = str(int(rest_of_minute()) + 1)
    return response


@openai_view("POST")
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """`POST /v1/chat/completions`, streamed or whole."""
    refuse_long(request)
    token = bearer_token(request)
    key = await in_database(api_key, token)
    asked = wire.parse_chat(request.body)
    if named := request.headers.get("X-Cft-Subject"):
        asked = replace(asked, subject_key=named[:512])
    choices = await in_database(choices_for, asked.model)
    exchange = new_exchange(key.source, asked)
    options = {**asked.options, "messages": asked.messages}
    server = ModelServer(settings.CFT_MODEL_SERVER_URL)
    if asked.stream:
        begun = await answering.begin(server, choices, options)
        response: HttpResponseBase = event_stream(begun, exchange, OpenAIVoice(begun.choice, exchange))
        return stamp(response, begun, exchange)
    answer = await answering.answer(server, choices, options)
    await keep_surely(exchange, wire.answer_of(answer.completion), answer.choice.model_name)
    body = {**answer.completion, "id": completion_id(exchange), "model": answer.choice.title}
    return stamp(JsonResponse(body), answer, exchange)


@openai_view("GET")
async def models(request: HttpRequest) -> HttpResponseBase:
    """`GET /v1/models`: the champion alias, and every release that is or was champion."""
    await in_database(api_key, bearer_token(request))
    return JsonResponse({"object": "list", "data": await in_database(listed_models)})


@openai_view("GET")
async def model(request: HttpRequest, name: str) -> HttpResponseBase:
    """`GET /v1/models/NAME`."""
    await in_database(api_key, bearer_token(request))
    listed = {entry["id"]: entry for entry in await in_database(listed_models)}
    if name not in listed:
        raise WireError(404, f"The model {name!r} does not exist.", code="model_not_found", param="model")
    return JsonResponse(listed[name])


def listed_models() -> list[dict[str, Any]]:
    releases = list(Release.objects.ever_champion().order_by("-number"))
    newest = max((release.created_at for release in releases), default=None)
    entries = [(str(release), release.created_at) for release in releases]
    if newest:
        entries.insert(0, (CHAMPION, newest))
    return [
        {"id": name, "object": "model", "created": int(created.timestamp()), "owned_by": "cftapp"}
        for name, created in entries
    ]


def refuse_long(request: HttpRequest) -> None:
    """Before the body is read into memory."""
    length = request.headers.get("Content-Length", "0")
    if length.isdigit() and int(length) > wire.MOST_BYTES:
        raise WireError(413, f"The body holds {length} bytes; at most {wire.MOST_BYTES} are accepted.")


def bearer_token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise WireError(401, "Send the API key of a source as `Authorization: Bearer ...`.", code="missing_api_key")
    return token.strip()


def api_key(token: str) -> ApiKey:
    key = ApiKey.objects.matching(token)
    if key is None:
        raise WireError(401, "This API key is not known, or was revoked.", code="invalid_api_key")
    if not within_rate(key):
        raise WireError(
            429, "Too many requests with this key. Try again in the next minute.", code="rate_limit_exceeded"
        )
    return key


def new_exchange(source: Source, asked: ChatRequest) -> Exchange:
    return Exchange(
        id=uuid.uuid4(),
        source=source,
        subject_key=asked.subject_key or stranger(source, asked.opening),
        prompt=asked.prompt,
        asked_at=timezone.now(),
        actor=f"source:{source.pk}",
    )


def stranger(source: Source, opening: str) -> str:
    """A new subject for a request that names none, in the lane of its conversation's opening.

    The subject is new each time, so nobody's consent reaches anybody else's words. But the next turn of the same
    conversation repeats this one's text, and a text must not be an exam in one turn and a lesson in the next: so
    subjects are drawn until one falls into the lane that the opening decides.
    """
    secret = subject_key()
    wanted = lane_of(secret, source.name, f"opening\n{opening}", source.held_out_percent)
    for _ in range(MOST_DRAWS):
        drawn = f"stranger-{secrets.token_hex(16)}"
        if lane_of(secret, source.name, drawn, source.held_out_percent) == wanted:
            return drawn
    raise WireError(503, "No subject could be drawn; name one in the field user.")


def completion_id(exchange: Exchange) -> str:
    return f"chatcmpl-{exchange.id}"


def stamp(response: HttpResponseBase, answer: Answer | Answering, exchange: Exchange) -> HttpResponseBase:
    """Say which interaction this is, which release answered, and which should have."""
    response["X-Cft-Interaction"] = str(exchange.id)
    response["X-Cft-Release"] = answer.choice.title
    if answer.fallback_from:
        response["X-Cft-Fallback"] = f"{answer.fallback_from.title} could not be loaded; {answer.choice.title} answers"
    return response
