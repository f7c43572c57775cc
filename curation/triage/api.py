"""Overrides over REST: reviewers ask, leads answer, with the same actions as the pages."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account, has_role
from curation.models import Blocker, Override
from curation.triage.override_actions import confirm_override, decline_override, request_override, withdraw_override
from curation.triage.override_rules import LONGEST_REASON

REFUSED = OpenApiResponse(description="Refused, with reasons as problem details; nothing was changed.")


class ReviewersAskLeadsAnswer(BasePermission):
    """Who may read a case reads its overrides; reviewers and leads ask and take back; leads confirm and decline."""

    message = "Reading this takes the role reviewer, lead or compliance; asking reviewer or lead; answering lead."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return has_role(request.user, "reviewer", "lead", "compliance")
        if view.action in ("confirm", "decline"):
            return has_role(request.user, "lead")
        return has_role(request.user, "reviewer", "lead")


class OverrideSerializer(serializers.ModelSerializer):
    class Meta:
        model = Override
        fields = (
            "id",
            "case",
            "check_name",
            "finding",
            "epoch",
            "reason",
            "state",
            "requested_by",
            "requested_at",
            "settled_by",
            "settled_at",
            "note",
        )
        read_only_fields = fields


class RequestSerializer(serializers.Serializer):
    case = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    check_name = serializers.ChoiceField(choices=Blocker.Check.choices)
    reason = serializers.CharField(max_length=LONGEST_REASON)


class AnswerSerializer(serializers.Serializer):
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


REFUSALS = {403: REFUSED, 409: REFUSED, 422: REFUSED}


@extend_schema_view(
    list=extend_schema(summary="All overrides, newest first"),
    retrieve=extend_schema(summary="One override: the finding that it covers, why, and by whom"),
)
class OverrideViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset = Override.objects.all()
    serializer_class = OverrideSerializer
    permission_classes = (ReviewersAskLeadsAnswer,)

    @extend_schema(
        summary="Ask for an override",
        request=RequestSerializer,
        responses={201: OverrideSerializer} | REFUSALS,
    )
    def create(self, request: Request) -> Response:
        """Ask a lead to let one finding of a case pass."""
        form = RequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        made = request_override(asked["case"], asked["check_name"], asked["reason"], by=account(request))
        return Response(OverrideSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Confirm an override",
        request=AnswerSerializer,
        responses={200: OverrideSerializer} | REFUSALS,
    )
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Sign as the second person, a lead: the finding forbids nothing any more."""
        return self.answer(confirm_override, request)

    @extend_schema(
        summary="Decline an override",
        request=AnswerSerializer,
        responses={200: OverrideSerializer} | REFUSALS,
    )
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        """Answer no, as a lead."""
        return self.answer(decline_override, request)

    @extend_schema(
        summary="Withdraw an override",
        request=AnswerSerializer,
        responses={200: OverrideSerializer} | REFUSALS,
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take a request back, or, as a lead, a confirmation."""
        return self.answer(withdraw_override, request)

    def answer(self, settle: Any, request: Request) -> Response:
        form = AnswerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        held = settle(self.get_object().pk, form.validated_data["note"], by=account(request))
        return Response(OverrideSerializer(held).data)
