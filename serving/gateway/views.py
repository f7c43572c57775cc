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
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from cftapp.base.refusal import Refused, Unreachable
from feedback.api.authentication import seconds_to_next_minute, within_rate
from feedback.lanes import lane_of
from feedback.models import ApiKey, Source, pseudonym_key
from feedback.subject_keys import normal_subject, of_header
from serving.gateway import openai_format
from serving.gateway.completions import Completion, CompletionStream, Target, complete, start_stream
from serving.gateway.model_server import Chunk, ModelServer
from serving.gateway.openai_format import ChatRequest, GatewayError
from serving.gateway.recording import PendingInteraction, record_durably, run_in_database_thread
from serving.gateway.routing import CHAMPION, targets_for
from serving.gateway.streaming import event_stream
from serving.models import Release

log = structlog.get_logger(__name__)
View = Callable[..., Any]
MAX_DRAWS = 100_000


class OpenAIEncoder:
    """Encodes chunks for OpenAI clients: under the release's name and the interaction's id; then the end mark."""

    def __init__(self, target: Target, pending: PendingInteraction) -> None:
        self._identity = {"id": completion_id(pending), "model": target.title}

    def chunk(self, chunk: Chunk) -> bytes:
        return openai_format.server_sent_event({**chunk, **self._identity})

    def end(self) -> bytes:
        return openai_format.DONE

    def error(self, error: GatewayError) -> bytes:
        return openai_format.server_sent_event(error.body())


def openai_view(*methods: str) -> Callable[[View], View]:
    """A view for API clients: no cookie, no CSRF token, and errors in the format that OpenAI clients read."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in methods:
                sentence = f"{request.method} is not supported here; use {' or '.join(methods)}."
                refused = error_response(GatewayError(405, sentence, code="method_not_allowed"))
                refused["Allow"] = ", ".join(methods)
                return refused
            try:
                return await view(request, *args, **kwargs)
            except (GatewayError, RequestDataTooBig, Refused, Unreachable, OperationalError, InterfaceError) as problem:
                return error_response(translated(problem))

        return guarded

    return decorate


def translated(problem: Exception) -> GatewayError:
    """Errors of other layers in OpenAI's terms."""
    if isinstance(problem, GatewayError):
        return problem
    if isinstance(problem, RequestDataTooBig):
        return GatewayError(413, f"The body is too large; at most {openai_format.MAX_BODY_BYTES} bytes are accepted.")
    if isinstance(problem, Refused):
        return GatewayError(problem.status, problem.words, code="refused", param=problem.blockers[0].field)
    log.warning("gateway.unavailable", problem=type(problem).__name__, cause=type(problem.__cause__).__name__)
    return GatewayError(503, "Nothing was recorded. Send the same request again in a moment.", code="unavailable")


def error_response(error: GatewayError) -> HttpResponse:
    response = JsonResponse(error.body(), status=error.status)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        response["Retry-After"] = "5"
    if error.status == 429:
        response["Retry-After"] = str(int(seconds_to_next_minute()) + 1)
    return response


# --- endpoints ---
@openai_view("POST")
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """`POST /v1/chat/completions`, streamed or whole."""
    refuse_large_body(request)
    token = bearer_token(request)
    api_key = await run_in_database_thread(authenticate, token)
    chat = openai_format.parse_chat(request.body)
    chat = replace(chat, subject_key=named_subject(request, chat))
    targets = await run_in_database_thread(targets_for, chat.model)
    pending = pending_interaction(api_key.source, chat)
    options = {**chat.options, "messages": chat.messages}
    server = ModelServer(settings.CFT_MODEL_SERVER_URL)
    if chat.stream:
        stream = await start_stream(server, targets, options)
        response: HttpResponseBase = event_stream(stream, pending, OpenAIEncoder(stream.target, pending))
        return with_headers(response, stream, pending)
    completion = await complete(server, targets, options)
    await record_durably(pending, openai_format.completion_text(completion.body), completion.target.model_name)
    body = {**completion.body, "id": completion_id(pending), "model": completion.target.title}
    return with_headers(JsonResponse(body), completion, pending)


@openai_view("GET")
async def models(request: HttpRequest) -> HttpResponseBase:
    """`GET /v1/models`: the champion alias, and every release that is or was champion."""
    await run_in_database_thread(authenticate, bearer_token(request))
    return JsonResponse({"object": "list", "data": await run_in_database_thread(listed_models)})


@openai_view("GET")
async def model(request: HttpRequest, name: str) -> HttpResponseBase:
    """`GET /v1/models/NAME`."""
    await run_in_database_thread(authenticate, bearer_token(request))
    entries = {entry["id"]: entry for entry in await run_in_database_thread(listed_models)}
    if name not in entries:
        raise GatewayError(404, f"The model {name!r} does not exist.", code="model_not_found", param="model")
    return JsonResponse(entries[name])


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


# --- requests ---
def refuse_large_body(request: HttpRequest) -> None:
    """GatewayError 413 before the body is read into memory."""
    length = request.headers.get("Content-Length", "0")
    limit = openai_format.MAX_BODY_BYTES
    if length.isdigit() and int(length) > limit:
        raise GatewayError(413, f"The body holds {length} bytes; at most {limit} are accepted.")


def bearer_token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise GatewayError(401, "Send the API key of a source as `Authorization: Bearer ...`.", code="missing_api_key")
    return token.strip()


def authenticate(token: str) -> ApiKey:
    """The usable API key with this token. GatewayError 401 if there is none, 429 beyond its rate limit."""
    api_key = ApiKey.objects.matching(token)
    if api_key is None:
        raise GatewayError(401, "This API key is not known, or was revoked.", code="invalid_api_key")
    if not within_rate(api_key):
        raise GatewayError(
            429, "Too many requests with this key. Try again in the next minute.", code="rate_limit_exceeded"
        )
    return api_key


def pending_interaction(source: Source, chat: ChatRequest) -> PendingInteraction:
    return PendingInteraction(
        id=uuid.uuid4(),
        source=source,
        subject_key=chat.subject_key or anonymous_subject(source, chat.opening),
        prompt=chat.prompt,
        asked_at=timezone.now(),
        actor=f"source:{source.pk}",
    )


def named_subject(request: HttpRequest, chat: ChatRequest) -> str:
    """Whom the header names, or the body: in the one spelling under which they can withdraw. Empty for nobody."""
    if header := request.headers.get("X-Cft-Subject"):
        return normal_subject(of_header(header), "X-Cft-Subject")
    return normal_subject(chat.subject_key, "user") if chat.subject_key else ""


def anonymous_subject(source: Source, opening: str) -> str:
    """The external id of a new subject for a request that names none, in the lane of its conversation's opening.

    The subject is new each time, so nobody's consent reaches anybody else's words. But the next turn of the same
    conversation repeats this turn's text, and a text must not be an exam in one turn and a lesson in the next: so
    ids are drawn until one falls into the lane that the opening decides.
    """
    key = pseudonym_key()
    lane = lane_of(key, source.name, f"opening\n{opening}", source.held_out_percent)
    for _ in range(MAX_DRAWS):
        external_id = f"stranger-{secrets.token_hex(16)}"
        if lane_of(key, source.name, external_id, source.held_out_percent) == lane:
            return external_id
    raise GatewayError(503, "No subject could be drawn; name one in the field user.")


# --- responses ---
def completion_id(pending: PendingInteraction) -> str:
    return f"chatcmpl-{pending.id}"


def with_headers(
    response: HttpResponseBase, completion: Completion | CompletionStream, pending: PendingInteraction
) -> HttpResponseBase:
    """Set the headers that name the interaction, the release that answered, and the release that should have."""
    title, fallback_from = completion.target.title, completion.fallback_from
    response["X-Cft-Interaction"] = str(pending.id)
    response["X-Cft-Release"] = title
    if fallback_from:
        response["X-Cft-Fallback"] = f"{fallback_from.title} could not be loaded; {title} answers"
    return response
