"""The REST API of feedback: the same actions as the pages, for applications that hold an API key."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cftapp.base import problems
from cftapp.base.refusal import Conflict, Forbidden, Refused
from cftapp.base.rest import NewestFirst
from feedback.actions import (
    grant_consent,
    record_interaction,
    submit_bug_report,
    submit_comment,
    submit_correction,
    submit_taste_note,
    withdraw_consent,
)
from feedback.actions.batches import LIMIT
from feedback.actions.interactions import other_subject
from feedback.api.authentication import Application, BearerKey, HoldsKey, KeyRate
from feedback.api.idempotency import Ids, Reply, answer_once
from feedback.api.parsers import JsonLinesParser, JsonParser
from feedback.api.rows import record_rows
from feedback.api.serializers import (
    ROWS,
    BatchReply,
    BugReportPost,
    CommentPost,
    ConsentPost,
    ConsentReply,
    CorrectionPost,
    FeedbackReply,
    InteractionPage,
    InteractionPost,
    InteractionReply,
    ProblemReply,
    StrictSerializer,
    TasteNotePost,
    WithdrawalPost,
)
from feedback.models import WORDS, Interaction, Subject
from feedback.tenants import named_tenant, other_tenant

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Makes a repetition harmless: the same key and body get the first reply again.",
)
REFUSALS = dict.fromkeys((400, 401, 403, 404, 409, 413, 415, 422, 429, 503), ProblemReply)
READ_REFUSALS = dict.fromkeys((400, 401, 403, 404, 429, 503), ProblemReply)


def post_schema(request: Any, reply: Any, *codes: int, summary: str, **options: Any) -> Any:
    """The OpenAPI schema of a POST: `codes` (201 unless given) answer with `reply`, refusals with problem details."""
    responses = {**dict.fromkeys(codes or (201,), reply), **as_problems(REFUSALS)}
    return extend_schema(
        request=request, responses=responses, parameters=[IDEMPOTENCY], summary=summary, tags=["feedback"], **options
    )


def as_problems(codes: dict[int, Any]) -> dict[tuple[int, str], Any]:
    return {(code, problems.CONTENT_TYPE): serializer for code, serializer in codes.items()}


class JsonNegotiation(BaseContentNegotiation):
    """Replies are JSON, whatever a client says it prefers."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ApiKeyView(APIView):
    """An endpoint for applications: an API key, its rate limit, JSON in and out, problem details."""

    authentication_classes = (BearerKey,)
    permission_classes = (HoldsKey,)
    throttle_classes = (KeyRate,)
    parser_classes: Sequence[type[BaseParser]] = (JsonParser,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = JsonNegotiation
    request: Request

    @property
    def application(self) -> Application:
        return cast(Application, self.request.user)

    def idempotent(self, work: Any) -> HttpResponse:
        """Answer with the reply of `work(ids)`, or with its first reply under the request's Idempotency-Key."""
        request = self.request
        content = f"{request.method} {request.path}\n".encode() + request._request.body
        key = request.headers.get("Idempotency-Key", "")
        request.data  # noqa: B018 - a body that cannot be read is refused before anything is locked
        reply = answer_once(self.application.key, key, content, work)
        response = HttpResponse(reply.body, status=reply.status, content_type="application/json")
        if reply.repeated:
            response["Idempotent-Replayed"] = "true"
        return response

    def validated(self, serializer_class: type[StrictSerializer]) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class InteractionPagination(NewestFirst):
    """Interactions have random ids: the time of creation orders them."""

    ordering = ("-created_at", "-id")
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1_000


class Interactions(ApiKeyView):
    @extend_schema(
        summary="Interactions of this source, newest first",
        description="Their ids and times, without any words.",
        tags=["feedback"],
        parameters=[
            OpenApiParameter("cursor", str, description="From `next` or `previous`."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
        ],
        responses={200: InteractionPage, **as_problems(READ_REFUSALS)},
    )
    def get(self, request: Request) -> Response:
        paginator = InteractionPagination()
        query: QuerySet[Interaction] = self.application.interactions
        page = paginator.paginate_queryset(query, request, view=self)
        return paginator.get_paginated_response(InteractionReply(page, many=True).data)

    @post_schema(
        InteractionPost,
        InteractionReply,
        200,
        201,
        summary="Record a conversation and its answer",
        description="First of all: feedback is about a recorded interaction. The reply's id names it from then on. "
        "What was asked is a `prompt`, which is a text, or `messages` (with `tools`) in OpenAI's chat form, up to the "
        "answer.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.record)

    def record(self, ids: Ids) -> Reply:
        fields = self.validated(InteractionPost)
        interaction = record_interaction(
            self.application.source,
            fields.pop("subject", ""),
            tenant=named_tenant(self.application.tenant, fields.pop("tenant", "")),
            **fields,
            interaction_id=None if "external_id" in fields else ids.repeatable(),
            by=str(self.application),
        )
        return Reply.of(200 if interaction.already_recorded else 201, InteractionReply(interaction).data)


class FeedbackView(ApiKeyView):
    """Posts feedback of a kind. Subclasses say which."""

    post_class: ClassVar[type[StrictSerializer]]
    submission: ClassVar[Any]
    kind: ClassVar[str]

    def submit(self, ids: Ids) -> Reply:
        fields = self.validated(self.post_class)
        interaction = self.interaction(fields.pop("interaction", None), fields.pop("external_id", ""))
        if blocked := other_tenant(interaction, self.application.tenant):
            raise Forbidden(blocked)
        if blocked := other_subject(interaction, self.application.source, fields.pop("subject", "")):
            raise Conflict(blocked)
        feedback = type(self).submission(
            interaction.pk, **fields, feedback_id=ids.repeatable(), by=str(self.application)
        )
        reply = {
            "id": feedback.pk,
            "kind": self.kind,
            "interaction_id": interaction.pk,
            "created_at": feedback.created_at,
        }
        if feedback.consent_note:
            reply["notes"] = [asdict(feedback.consent_note)]
        return Reply.of(201, FeedbackReply(reply).data)

    def interaction(self, key: uuid.UUID | None, external_id: str) -> Interaction:
        """An interaction of this source, by its id or external id. Refused if there is none."""
        interactions = Interaction.objects.filter(source=self.application.source).select_related("subject")
        interactions = interactions.defer(*WORDS)
        query = interactions.filter(pk=key) if key else interactions.filter(external_id=external_id)
        interaction = query.first()
        if interaction is None:
            raise Refused.because(
                "interaction" if key else "external_id",
                "This source has no such interaction.",
                "Record the interaction first; send the id that was answered.",
            )
        return interaction


class BugReports(FeedbackView):
    post_class, submission, kind = BugReportPost, staticmethod(submit_bug_report), "bug_report"

    @post_schema(
        BugReportPost,
        FeedbackReply,
        summary="It broke",
        description="Goes on the bug list that the engineers work through. Never used for training.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.submit)


class TasteNotes(FeedbackView):
    post_class, submission, kind = TasteNotePost, staticmethod(submit_taste_note), "taste_note"

    @post_schema(
        TasteNotePost,
        FeedbackReply,
        summary="I would word it differently",
        description="A reviewer reads it. Never counted as an error, never used for training.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.submit)


class Corrections(FeedbackView):
    post_class, submission, kind = CorrectionPost, staticmethod(submit_correction), "correction"

    @post_schema(
        CorrectionPost,
        FeedbackReply,
        summary="It is wrong, and this is right",
        description="The only kind that a model may learn from: with the subject's consent, and once a reviewer "
        "accepted it. The right answer is a text, or a message with calls of tools.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.submit)


class Comments(FeedbackView):
    post_class, submission, kind = CommentPost, staticmethod(submit_comment), "comment"

    @post_schema(
        CommentPost,
        FeedbackReply,
        summary="A rating or words of no kind yet",
        description="A reviewer gives it its kind. Never used for training.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.submit)


class Consents(ApiKeyView):
    @post_schema(
        ConsentPost,
        ConsentReply,
        summary="A subject allows training",
        description="Adds a line to the ledger; it covers all corrections of this subject until it is withdrawn.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.grant)

    @transaction.atomic
    def grant(self, ids: Ids) -> Reply:
        fields = self.validated(ConsentPost)
        subject = Subject.objects.get_or_open(self.application.source, fields.pop("subject"))
        if self.application.tenant and subject.interactions.exclude(tenant=self.application.tenant).exists():
            message = f"The subject has interactions of another tenant than {self.application.tenant}."
            raise Forbidden.because("subject", message, "Send the consent with a key of the whole source.")
        entry = grant_consent(subject, **fields, by=str(self.application))
        return Reply.of(201, ConsentReply(entry).data)


class Withdrawals(ApiKeyView):
    @post_schema(
        WithdrawalPost,
        ConsentReply,
        summary="A subject allows training no longer",
        description="Its pairs leave every future dataset; what learnt from them is marked.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.withdraw)

    def withdraw(self, ids: Ids) -> Reply:
        external_id = self.validated(WithdrawalPost)["subject"]
        named = Subject.objects.known_as(self.application.source, external_id)
        subject = (named & self.application.subjects).first()
        if subject is None:
            raise NotFound(
                "Nothing was ever recorded of this subject. Send the id as it was sent with its interactions."
            )
        entry = withdraw_consent(subject, by=str(self.application))
        return Reply.of(201, ConsentReply(entry).data)


class SubjectConsent(ApiKeyView):
    """The consent of a subject, by the id that the API answered."""

    @extend_schema(
        summary="Withdraw by the subject's id",
        description="The same withdrawal, for whoever kept the id that was answered.",
        tags=["feedback"],
        request=None,
        parameters=[OpenApiParameter("subject", uuid.UUID, OpenApiParameter.PATH)],
        responses={200: ConsentReply, **as_problems(READ_REFUSALS)},
    )
    def delete(self, request: Request, subject: uuid.UUID) -> Response:
        entry = withdraw_consent(self.subject(subject), by=str(self.application))
        return Response(ConsentReply(entry).data)

    def subject(self, subject_id: uuid.UUID) -> Subject:
        """The subject of this source with this id. NotFound (404) if there is none."""
        subject = self.application.subjects.filter(pk=subject_id).first()
        if subject is None:
            raise NotFound("This source has no such subject. Send the subject's id that was answered.")
        return subject


class Batch(ApiKeyView):
    parser_classes = (JsonParser, JsonLinesParser)
    rows: ClassVar = PolymorphicProxySerializer(
        component_name="BatchRow", serializers=cast(Any, ROWS), resource_type_field_name="kind", many=True
    )

    @post_schema(
        rows,
        BatchReply,
        200,
        summary=f"Up to {LIMIT:,} rows at once",
        description="A JSON list, or JSON lines as application/x-ndjson. A bad row is refused alone. Feedback may "
        "name an interaction recorded earlier in the same batch by its external_id.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.idempotent(self.record)

    def record(self, ids: Ids) -> Reply:
        rows = self.request.data
        if not isinstance(rows, list) or not 1 <= len(rows) <= LIMIT:
            sent = f"{len(rows):,} rows" if isinstance(rows, list) else "no list"
            message = f"A batch is a list of 1 to {LIMIT:,} rows; this is {sent}."
            raise Refused.because("body", message, "Send a list, in several batches if it is longer.")
        application = self.application
        outcomes = record_rows(application.source, rows, ids, tenant=application.tenant, by=str(application))
        counts = {
            status: sum(outcome.status == status for outcome in outcomes)
            for status in ("recorded", "already_recorded", "refused")
        }
        return Reply.of(200, counts | {"results": [outcome.as_json() for outcome in outcomes]})
