"""The REST API of feedback: the same actions as the pages, for applications that hold an API key."""

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar, cast

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
from cftapp.base.refusal import Refused
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
from feedback.api.authentication import Application, BearerKey, HoldsKey, KeyRate
from feedback.api.idempotency import Ids, Reply, answer_once
from feedback.api.parsers import Json, JsonLines
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
    Strict,
    TasteNotePost,
    WithdrawalPost,
)
from feedback.models import Interaction, Subject

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Makes a repetition harmless: the same key and body get the first reply again.",
)
REFUSALS = dict.fromkeys((400, 401, 409, 413, 415, 422, 429, 503), ProblemReply)
READ_REFUSALS = dict.fromkeys((401, 404, 429, 503), ProblemReply)


def describe(request: Any, reply: Any, *codes: int, summary: str, **more: Any) -> Any:
    """The schema of a POST."""
    responses = {**dict.fromkeys(codes or (201,), reply), **_as_problems(REFUSALS)}
    return extend_schema(
        request=request, responses=responses, parameters=[IDEMPOTENCY], summary=summary, tags=["feedback"], **more
    )


def _as_problems(codes: dict[int, Any]) -> dict[tuple[int, str], Any]:
    return {(code, problems.CONTENT_TYPE): serializer for code, serializer in codes.items()}


class AnswerJson(BaseContentNegotiation):
    """Replies are JSON, whatever a client says it prefers."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class KeyView(APIView):
    """What all endpoints share: a key, its limits, JSON in and out, problem details."""

    authentication_classes = (BearerKey,)
    permission_classes = (HoldsKey,)
    throttle_classes = (KeyRate,)
    parser_classes: Sequence[type[BaseParser]] = (Json,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AnswerJson
    request: Request

    @property
    def application(self) -> Application:
        return cast(Application, self.request.user)

    def once(self, work: Any) -> HttpResponse:
        """Answer with what `work(ids)` replies, or with its first reply under the request's Idempotency-Key."""
        request = self.request
        content = f"{request.method} {request.path}\n".encode() + request._request.body
        key = request.headers.get("Idempotency-Key", "")
        request.data  # noqa: B018 - a body that cannot be read is refused before anything is locked
        reply = answer_once(self.application.key, key, content, work)
        response = HttpResponse(reply.body, status=reply.status, content_type="application/json")
        if reply.repeated:
            response["Idempotent-Replayed"] = "true"
        return response

    def checked(self, serializer_class: type[Strict]) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class LatestInteractions(NewestFirst):
    """An application chooses how many it gets at once; ids of interactions are random, so their time orders them."""

    ordering = ("-created_at", "-id")
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1_000


class Interactions(KeyView):
    @extend_schema(
        summary="Interactions of this source, newest first",
        description="Their ids and times, without any words.",
        tags=["feedback"],
        parameters=[
            OpenApiParameter("cursor", str, description="From `next` or `previous`."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
        ],
        responses={200: InteractionPage, **_as_problems(READ_REFUSALS)},
    )
    def get(self, request: Request) -> Response:
        paginator = LatestInteractions()
        query: QuerySet[Interaction] = Interaction.objects.filter(source=self.application.source)
        page = paginator.paginate_queryset(query, request, view=self)
        return paginator.get_paginated_response(InteractionReply(page, many=True).data)

    @describe(
        InteractionPost,
        InteractionReply,
        200,
        201,
        summary="Record a prompt and its answer",
        description="First of all: feedback is about a recorded interaction. The reply's id names it from then on.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.record)

    def record(self, ids: Ids) -> Reply:
        found = self.checked(InteractionPost)
        interaction = record_interaction(
            self.application.source,
            found.pop("subject", ""),
            **found,
            interaction_id=None if "external_id" in found else ids.repeatable(),
            by=str(self.application),
        )
        return Reply.of(200 if interaction.already_recorded else 201, InteractionReply(interaction).data)


class FeedbackView(KeyView):
    """One door. Subclasses say which."""

    post_class: ClassVar[type[Strict]]
    submission: ClassVar[Any]
    kind: ClassVar[str]

    def submit(self, ids: Ids) -> Reply:
        found = self.checked(self.post_class)
        interaction_id = self.interaction_id(found.pop("interaction", None), found.pop("external_id", ""))
        given = type(self).submission(interaction_id, **found, feedback_id=ids.repeatable(), by=str(self.application))
        reply = {
            "id": given.pk,
            "kind": self.kind,
            "interaction_id": interaction_id,
            "created_at": given.created_at,
        }
        return Reply.of(201, FeedbackReply(reply).data)

    def interaction_id(self, key: uuid.UUID | None, external_id: str) -> uuid.UUID:
        """The interaction that is meant, if it is one of this source."""
        mine = Interaction.objects.filter(source=self.application.source)
        query = mine.filter(pk=key) if key else mine.filter(external_id=external_id)
        found = query.values_list("pk", flat=True).first()
        if found is None:
            raise Refused.because(
                "interaction" if key else "external_id",
                "This source has no such interaction.",
                "Record the interaction first; send the id that was answered.",
            )
        return found


class BugReports(FeedbackView):
    post_class, submission, kind = BugReportPost, staticmethod(submit_bug_report), "bug_report"

    @describe(
        BugReportPost,
        FeedbackReply,
        summary="It broke",
        description="Goes to the bug tracker. Never used for training.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.submit)


class TasteNotes(FeedbackView):
    post_class, submission, kind = TasteNotePost, staticmethod(submit_taste_note), "taste_note"

    @describe(
        TasteNotePost,
        FeedbackReply,
        summary="I would word it differently",
        description="Goes to the style notes. Never counted as an error.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.submit)


class Corrections(FeedbackView):
    post_class, submission, kind = CorrectionPost, staticmethod(submit_correction), "correction"

    @describe(
        CorrectionPost,
        FeedbackReply,
        summary="It is wrong, and this is right",
        description="The only kind that a model may learn from: with the subject's consent, and once a reviewer "
        "accepted it.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.submit)


class Comments(FeedbackView):
    post_class, submission, kind = CommentPost, staticmethod(submit_comment), "comment"

    @describe(
        CommentPost,
        FeedbackReply,
        summary="A rating or words of no kind yet",
        description="A reviewer gives it its kind. Never used for training.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.submit)


class Consents(KeyView):
    @describe(
        ConsentPost,
        ConsentReply,
        summary="A subject allows training",
        description="Adds a line to the ledger; it covers all corrections of this subject until it is withdrawn.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.grant)

    def grant(self, ids: Ids) -> Reply:
        found = self.checked(ConsentPost)
        subject = Subject.objects.get_or_open(self.application.source, found.pop("subject"))
        entry = grant_consent(subject, **found, by=str(self.application))
        return Reply.of(201, ConsentReply(entry).data)


class Withdrawals(KeyView):
    @describe(
        WithdrawalPost,
        ConsentReply,
        summary="A subject allows training no longer",
        description="Its pairs leave every future dataset; what learnt from them is marked.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.withdraw)

    def withdraw(self, ids: Ids) -> Reply:
        name = self.checked(WithdrawalPost)["subject"]
        subject = Subject.objects.get_or_open(self.application.source, name)
        entry = withdraw_consent(subject, by=str(self.application))
        return Reply.of(201, ConsentReply(entry).data)


class SubjectConsent(KeyView):
    """The consent of a subject, by the subject's id as it was answered."""

    @extend_schema(
        summary="Withdraw by the subject's id",
        description="The same withdrawal, for whoever kept the id that was answered.",
        tags=["feedback"],
        request=None,
        parameters=[OpenApiParameter("subject", uuid.UUID, OpenApiParameter.PATH)],
        responses={200: ConsentReply, **_as_problems(READ_REFUSALS)},
    )
    def delete(self, request: Request, subject: str) -> Response:
        found = self.subject_named(subject)
        if found is None:
            raise NotFound("This source has no such subject. Send the subject's id that was answered.")
        return Response(ConsentReply(withdraw_consent(found, by=str(self.application))).data)

    def subject_named(self, name: str) -> Subject | None:
        try:
            key = uuid.UUID(name)
        except ValueError:
            return None
        return Subject.objects.filter(pk=key, source=self.application.source).first()


class Batch(KeyView):
    parser_classes = (Json, JsonLines)
    rows: ClassVar = PolymorphicProxySerializer(
        component_name="BatchRow", serializers=cast(Any, ROWS), resource_type_field_name="kind", many=True
    )

    @describe(
        rows,
        BatchReply,
        200,
        summary=f"Up to {LIMIT:,} rows at once",
        description="A JSON list, or JSON lines as application/x-ndjson. A bad row is refused alone. Feedback may "
        "name an interaction recorded earlier in the same batch by its external_id.",
    )
    def post(self, request: Request) -> HttpResponse:
        return self.once(self.record)

    def record(self, ids: Ids) -> Reply:
        rows = self.request.data
        if not isinstance(rows, list) or not 1 <= len(rows) <= LIMIT:
            found = f"{len(rows):,} rows" if isinstance(rows, list) else "no list"
            raise Refused.because("body", f"A batch is a list of 1 to {LIMIT:,} rows; this is {found}.", "Split it.")
        outcomes = record_rows(self.application.source, rows, ids, by=str(self.application))
        counts = {
            status: sum(outcome.status == status for outcome in outcomes)
            for status in ("recorded", "already_recorded", "refused")
        }
        return Reply.of(200, counts | {"results": [outcome.as_json() for outcome in outcomes]})
