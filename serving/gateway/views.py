"""The OpenAI-compatible gateway: applications ask the champion here, and every answer becomes an interaction.

Answers carry `X-Cft-Interaction`, the id that feedback refers to (the completion's own id is `chatcmpl-` and the same
id), and `X-Cft-Release`, which release answered. Where several choices were asked for each is an interaction, and
`X-Cft-Interactions` names them in their order. With an `Idempotency-Key` a request may be repeated.
"""

import json
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import wraps
from typing import Any, cast

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from cftapp.base.refusal import Refused, Unreachable
from feedback.actions.interactions import tenant_blocked
from feedback.api.authentication import seconds_to_next_minute, within_rate
from feedback.lanes import lane_of
from feedback.models import ApiKey, Source, pseudonym_key
from feedback.subject_keys import normal_conversation, normal_subject, of_header
from serving.gateway import openai_format
from serving.gateway.answers import answers_of
from serving.gateway.completions import CompletionStream, Target, complete, headers_of, start_stream
from serving.gateway.idempotency import Answer, Claim, alive, checked_key, claim
from serving.gateway.model_server import Chunk, ModelServer
from serving.gateway.openai_format import ChatRequest, GatewayError
from serving.gateway.recording import PendingInteraction, record_durably
from serving.gateway.routing import CHAMPION, targets_for
from serving.gateway.streaming import STREAM_HEADERS, event_stream, forward
from serving.gateway.threads import finished, run_in_database_thread
from serving.models import Release

log = structlog.get_logger(__name__)
View = Callable[..., Any]
MAX_DRAWS = 100_000
CONVERSATION, TENANT = "X-Cft-Conversation", "X-Cft-Tenant"
is_tenant = re.compile("[-a-zA-Z0-9_]{1,60}").fullmatch


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
    api_key = await run_in_database_thread(authenticate, bearer_token(request))
    body = read_body(request)
    chat = named(request, openai_format.parse_chat(body), api_key)
    pending = pending_interaction(api_key.source, chat)
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return await answered(chat, pending)
    found = await run_in_database_thread(claim, api_key, checked_key(key), names_of(chat) + body)
    if isinstance(found, Answer):
        return response_of(found, chat, **{"Idempotent-Replayed": "true"})
    return await answered_once(chat, replace(pending, claim=found))


async def answered(chat: ChatRequest, pending: PendingInteraction) -> HttpResponseBase:
    """The response: it ends with its client, and what a client cut is recorded as cut."""
    if not chat.stream:
        return response_of(await whole_answer(chat, pending), chat)
    stream = await started_stream(chat, pending)
    response = event_stream(stream, pending, OpenAIEncoder(stream.target, pending))
    return with_headers(response, headers_of(stream, pending.ids))


async def answered_once(chat: ChatRequest, pending: PendingInteraction) -> HttpResponseBase:
    """The response to a request that holds a claim: it is made to its end, for the client that comes back for it."""
    parts = finished(parts_of_answer(chat, pending), alive(cast(Claim, pending.claim)))
    first = cast(Answer, await anext(parts))
    if not chat.stream:
        return response_of(first, chat)
    return with_headers(StreamingHttpResponse(parts, headers=STREAM_HEADERS), first.headers)


async def parts_of_answer(chat: ChatRequest, pending: PendingInteraction) -> AsyncIterator[Answer | bytes]:
    """The whole answer; of a stream the headers first, then its events."""
    if not chat.stream:
        yield await whole_answer(chat, pending)
        return
    stream = await started_stream(chat, pending)
    yield Answer(headers_of(stream, pending.ids), b"")
    async for event in forward(stream, pending, OpenAIEncoder(stream.target, pending)):
        yield event


async def whole_answer(chat: ChatRequest, pending: PendingInteraction) -> Answer:
    """The whole answer, recorded."""
    targets = await run_in_database_thread(targets_for, chat.model, thread_sensitive=False)
    completion = await complete(model_server(), targets, chat.forwarded)
    body = {**completion.body, "id": completion_id(pending), "model": completion.target.title}
    answers = answers_of(completion.body)
    answer = Answer(headers_of(completion, pending.ids[: len(answers)]), json.dumps(body).encode())
    await record_durably(pending, answers, completion.target.model_name, reply=answer)
    return answer


async def started_stream(chat: ChatRequest, pending: PendingInteraction) -> CompletionStream:
    targets = await run_in_database_thread(targets_for, chat.model, thread_sensitive=False)
    return await start_stream(model_server(), targets, chat.forwarded)


@openai_view("GET")
async def models(request: HttpRequest) -> HttpResponseBase:
    """`GET /v1/models`: the champion alias, and every release that may be asked by its name."""
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
    releases = list(Release.objects.answering().order_by("-number"))
    newest = max((release.created_at for release in releases), default=None)
    entries = [(str(release), release.created_at) for release in releases]
    if newest:
        entries.insert(0, (CHAMPION, newest))
    return [
        {"id": name, "object": "model", "created": int(created.timestamp()), "owned_by": "cftapp"}
        for name, created in entries
    ]


# --- requests ---
def read_body(request: HttpRequest) -> bytes:
    """The body. GatewayError 413 if it is too large, before it is read into memory where its length is announced."""
    limit = openai_format.MAX_BODY_BYTES
    announced = request.headers.get("Content-Length", "")
    is_announced_too_large = announced.isdigit() and int(announced) > limit
    body = b"" if is_announced_too_large else request.read(limit + 1)
    if is_announced_too_large or len(body) > limit:
        raise GatewayError(413, f"The body holds more than {limit} bytes.", code="body_too_large")
    return body


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
        subject_key=chat.subject_key or anonymous_subject(source, chat.conversation.opening),
        prompt=chat.conversation,
        asked_at=timezone.now(),
        actor=f"source:{source.pk}",
        later_ids=[uuid.uuid4() for _ in range(chat.choices - 1)],
        conversation_id=chat.conversation_id,
        tenant=chat.tenant,
    )


def named(request: HttpRequest, chat: ChatRequest, api_key: ApiKey) -> ChatRequest:
    """The request with whom, which conversation and which tenant its headers name. Refused for names that are none."""
    subject, conversation = named_subject(request, chat), named_conversation(request)
    return replace(chat, subject_key=subject, conversation_id=conversation, tenant=named_tenant(request, api_key))


def named_conversation(request: HttpRequest) -> str:
    header = request.headers.get(CONVERSATION, "")
    return normal_conversation(of_header(header, CONVERSATION), CONVERSATION) if header else ""


def named_subject(request: HttpRequest, chat: ChatRequest) -> str:
    """Whom the header names, or the body: in the one spelling under which they can withdraw. Empty for nobody."""
    if header := request.headers.get("X-Cft-Subject"):
        return normal_subject(of_header(header), "X-Cft-Subject")
    return normal_subject(chat.subject_key, "user") if chat.subject_key else ""


def named_tenant(request: HttpRequest, api_key: ApiKey) -> str:
    """The tenant that the key is for, or the header names. GatewayError 403 where the key is another's; Refused."""
    tenant = request.headers.get(TENANT, "")
    if tenant and not is_tenant(tenant):
        raise Refused.because(TENANT, "This is no tenant's name.", "Send 1 to 60 letters, digits, - or _.")
    if tenant and api_key.tenant not in ("", tenant):
        sentence = f"This API key posts for {api_key.tenant} only. Leave {TENANT} out, or use a key of {tenant}."
        raise GatewayError(403, sentence, code="tenant_forbidden", param=TENANT)
    if blocked := tenant_blocked(api_key.source, tenant or api_key.tenant):
        raise Refused(replace(blocked, field=TENANT))
    return tenant or api_key.tenant


def names_of(chat: ChatRequest) -> bytes:
    """What the headers say, for telling requests apart that have the same body."""
    more = [chat.conversation_id, chat.tenant]
    return f"{json.dumps([chat.subject_key, *more]) if any(more) else chat.subject_key}\n".encode()


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


def response_of(answer: Answer, chat: ChatRequest, **headers: str) -> HttpResponse:
    """The response that says this answer, as it was given first."""
    kind = STREAM_HEADERS if chat.stream else {"Content-Type": "application/json"}
    return HttpResponse(answer.body, headers={**kind, **answer.headers, **headers})


def with_headers(response: HttpResponseBase, headers: dict[str, str]) -> HttpResponseBase:
    for name, value in headers.items():
        response[name] = value
    return response


def model_server() -> ModelServer:
    return ModelServer(settings.CFT_MODEL_SERVER_URL)
