"""A request to the gateway: who asks, what, in whose name, and which releases may answer."""

import json
import re
import secrets
import uuid
from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.utils import timezone

from cftapp.base.refusal import Forbidden, Refused
from feedback.api.authentication import within_rate
from feedback.lanes import lane_of
from feedback.models import ApiKey, Source, pseudonym_key
from feedback.subject_keys import normal_conversation, normal_subject, of_header
from feedback.tenants import named_tenant, tenant_blocked
from serving.gateway import openai_format
from serving.gateway.completions import Target
from serving.gateway.idempotency import Answer, checked_key, claim
from serving.gateway.openai_format import ChatRequest, GatewayError
from serving.gateway.recording import PendingInteraction
from serving.gateway.routing import targets_for

MAX_DRAWS = 100_000
CONVERSATION, TENANT = "X-Cft-Conversation", "X-Cft-Tenant"
is_tenant = re.compile("[-a-zA-Z0-9_]{1,60}").fullmatch


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, the interaction that it becomes, and who may answer. Under a claim the latter are looked up later."""

    chat: ChatRequest
    pending: PendingInteraction
    targets: list[Target]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A request that was answered before, and the answer."""

    answer: Answer
    is_streamed: bool


def asked_by(request: HttpRequest) -> Asked | Repeated:
    """What the request asks, after who asks. Reads a body of up to 20 MB and queries: for a thread, and for one."""
    api_key = authenticate(bearer_token(request))
    body = read_body(request)
    chat = named(request, openai_format.parse_chat(body), api_key)
    pending = pending_interaction(api_key.source, chat)
    if (key := request.headers.get("Idempotency-Key")) is None:
        return Asked(chat, pending, targets_for(chat.model))
    found = claim(api_key, checked_key(key), names_of(chat) + body)
    return Repeated(found, chat.stream) if isinstance(found, Answer) else Asked(chat, replace(pending, claim=found), [])


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
    return replace(chat, subject_key=subject, conversation_id=conversation, tenant=tenant_for(request, api_key))


def named_conversation(request: HttpRequest) -> str:
    header = request.headers.get(CONVERSATION, "")
    return normal_conversation(of_header(header, CONVERSATION), CONVERSATION) if header else ""


def named_subject(request: HttpRequest, chat: ChatRequest) -> str:
    """Whom the header names, or the body: in the one spelling under which they can withdraw. Empty for nobody."""
    if header := request.headers.get("X-Cft-Subject"):
        return normal_subject(of_header(header), "X-Cft-Subject")
    return normal_subject(chat.subject_key, "user") if chat.subject_key else ""


def tenant_for(request: HttpRequest, api_key: ApiKey) -> str:
    """The tenant that the key is for, or the header names. GatewayError 403 where the key is another's; Refused."""
    header = request.headers.get(TENANT, "")
    if header and not is_tenant(header):
        raise Refused.because(TENANT, "This is no tenant's name.", "Send 1 to 60 letters, digits, - or _.")
    try:
        tenant = named_tenant(api_key.tenant, header, TENANT)
    except Forbidden as problem:
        raise GatewayError(403, problem.words, code="tenant_forbidden", param=TENANT) from problem
    if blocked := tenant_blocked(api_key.source, tenant, TENANT):
        raise Refused(blocked)
    return tenant


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
