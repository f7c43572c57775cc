"""The OpenAI-compatible gateway: applications ask the champion here, and every answer becomes an interaction.

Answers carry `X-Cft-Interaction`, the id that feedback refers to (the completion's own id is `chatcmpl-` and the same
id), and `X-Cft-Release`, which release answered. Where several choices were asked for each is an interaction, and
`X-Cft-Interactions` names them in their order. With an `Idempotency-Key` a request may be repeated.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import wraps
from typing import Any, cast

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from cftapp.base.refusal import Refused, Unreachable
from feedback.api.authentication import seconds_to_next_minute
from serving.gateway import openai_format
from serving.gateway.answers import answers_of
from serving.gateway.asking import Asked, Repeated, asked_by, authenticate, bearer_token
from serving.gateway.completions import CompletionStream, Target, complete, headers_of, start_stream
from serving.gateway.idempotency import Answer, Claim, alive
from serving.gateway.model_server import Chunk, ModelServer
from serving.gateway.openai_format import GatewayError
from serving.gateway.recording import PendingInteraction, record_durably
from serving.gateway.routing import CHAMPION, targets_for
from serving.gateway.streaming import STREAM_HEADERS, event_stream, forward
from serving.gateway.threads import finished, run_in_database_thread
from serving.models import Release

log = structlog.get_logger(__name__)
View = Callable[..., Any]


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
            except (GatewayError, Refused, Unreachable, OperationalError, InterfaceError) as problem:
                return error_response(translated(problem))

        return guarded

    return decorate


def translated(problem: Exception) -> GatewayError:
    """Errors of other layers in OpenAI's terms."""
    if isinstance(problem, GatewayError):
        return problem
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
    asked = await run_in_database_thread(asked_by, request)
    if isinstance(asked, Repeated):
        return response_of(asked.answer, asked.is_streamed, **{"Idempotent-Replayed": "true"})
    return await (answered_once(asked) if asked.pending.claim else answered(asked))


async def answered(asked: Asked) -> HttpResponseBase:
    """The response: it ends with its client, and what a client cut is recorded as cut."""
    if not asked.chat.stream:
        return response_of(await whole_answer(asked), is_streamed=False)
    pending, stream = asked.pending, await started_stream(asked)
    response = event_stream(stream, pending, OpenAIEncoder(stream.target, pending))
    return with_headers(response, headers_of(stream, pending.ids))


async def answered_once(asked: Asked) -> HttpResponseBase:
    """The response to a request that holds a claim: it is made to its end, for the client that comes back for it."""
    parts = finished(parts_of_answer(asked), alive(cast(Claim, asked.pending.claim)))
    first = cast(Answer, await anext(parts))
    if not asked.chat.stream:
        return response_of(first, is_streamed=False)
    return with_headers(StreamingHttpResponse(parts, headers=STREAM_HEADERS), first.headers)


async def parts_of_answer(asked: Asked) -> AsyncIterator[Answer | bytes]:
    """The whole answer; of a stream the headers first, then its events."""
    asked = replace(asked, targets=await run_in_database_thread(targets_for, asked.chat.model))
    if not asked.chat.stream:
        yield await whole_answer(asked)
        return
    pending, stream = asked.pending, await started_stream(asked)
    yield Answer(headers_of(stream, pending.ids), b"")
    async for event in forward(stream, pending, OpenAIEncoder(stream.target, pending)):
        yield event


async def whole_answer(asked: Asked) -> Answer:
    """The whole answer, recorded."""
    pending = asked.pending
    completion = await complete(model_server(), asked.targets, asked.chat.forwarded)
    body = {**completion.body, "id": completion_id(pending), "model": completion.target.title}
    answers = answers_of(completion.body)
    answer = Answer(headers_of(completion, pending.ids[: len(answers)]), json.dumps(body).encode())
    await record_durably(pending, answers, completion.target.model_name, reply=answer)
    return answer


async def started_stream(asked: Asked) -> CompletionStream:
    return await start_stream(model_server(), asked.targets, asked.chat.forwarded)


@openai_view("GET")
async def models(request: HttpRequest) -> HttpResponseBase:
    """`GET /v1/models`: the champion alias, and every release that may be asked by its name."""
    return JsonResponse({"object": "list", "data": await run_in_database_thread(listed_models, request)})


@openai_view("GET")
async def model(request: HttpRequest, name: str) -> HttpResponseBase:
    """`GET /v1/models/NAME`."""
    entries = {entry["id"]: entry for entry in await run_in_database_thread(listed_models, request)}
    if name not in entries:
        raise GatewayError(404, f"The model {name!r} does not exist.", code="model_not_found", param="model")
    return JsonResponse(entries[name])


def listed_models(request: HttpRequest) -> list[dict[str, Any]]:
    authenticate(bearer_token(request))
    releases = list(Release.objects.answering().order_by("-number"))
    newest = max((release.created_at for release in releases), default=None)
    entries = [(str(release), release.created_at) for release in releases]
    if newest:
        entries.insert(0, (CHAMPION, newest))
    return [
        {"id": name, "object": "model", "created": int(created.timestamp()), "owned_by": "cftapp"}
        for name, created in entries
    ]


# --- responses ---
def completion_id(pending: PendingInteraction) -> str:
    return f"chatcmpl-{pending.id}"


def response_of(answer: Answer, is_streamed: bool, **headers: str) -> HttpResponse:
    """The response that says this answer, as it was given first."""
    kind = STREAM_HEADERS if is_streamed else {"Content-Type": "application/json"}
    return HttpResponse(answer.body, headers={**kind, **answer.headers, **headers})


def with_headers(response: HttpResponseBase, headers: dict[str, str]) -> HttpResponseBase:
    for name, value in headers.items():
        response[name] = value
    return response


def model_server() -> ModelServer:
    return ModelServer(settings.CFT_MODEL_SERVER_URL)
