"""Inquiries over REST: the same action as the page, under the same limits."""

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account, has_role
from curation.checks.identity import as_uuid
from curation.inquiries import actions
from curation.inquiries.actions import TooOften
from curation.inquiries.views import ASKERS
from curation.models import Inquiry

if TYPE_CHECKING:
    from rest_framework.views import APIView


class MayAsk(BasePermission):
    """Who may ask on the page may ask here."""

    message = f"Checking a text takes one of the roles {', '.join(ASKERS)}: ask an admin."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return has_role(request.user, *ASKERS)


class InquiryPost(serializers.Serializer):
    prompt = serializers.CharField(default="", allow_blank=True, trim_whitespace=False)
    answer = serializers.CharField(default="", allow_blank=True, trim_whitespace=False)


class InquirySpan(serializers.Serializer):
    field = serializers.CharField(help_text="`prompt` or `answer`; of a conversation a path: `messages[4].content`.")
    start = serializers.IntegerField()
    end = serializers.IntegerField()


class InquiryReply(serializers.ModelSerializer):
    spans = InquirySpan(many=True)

    class Meta:
        model = Inquiry
        fields = (
            *("id", "state", "asked_at", "answered_at", "length"),
            *("verdict", "method", "score", "limit", "item_id", "benchmark", "epoch", "spans"),
        )
        read_only_fields = fields


class InquiryViewSet(viewsets.GenericViewSet):
    """Does this text overlap the exam? The screener answers within seconds: read the inquiry until it has."""

    queryset = Inquiry.objects.all()
    serializer_class = InquiryReply
    permission_classes = (MayAsk,)

    @extend_schema(summary="Ask whether a text overlaps the exam", request=InquiryPost, responses={202: InquiryReply})
    def create(self, request: Request) -> Response:
        """Stored for the screener. 409 while nothing is protected or the account is paused.

        429 above 20 a minute or 300 a day, counted together with the page.
        """
        body = InquiryPost(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            inquiry = actions.ask_overlap(**body.validated_data, by=account(request))
        except TooOften as problem:
            raise Throttled(wait=problem.seconds, detail=problem.words) from problem
        return Response(InquiryReply(inquiry).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="An inquiry of one's own, with its answer once there is one")
    def retrieve(self, request: Request, pk: str) -> Response:
        """Verdict, opaque item id, coarse score, method and the ranges of the asker's own text."""
        inquiry = get_object_or_404(Inquiry, pk=as_uuid(pk), asked_by=account(request))
        return Response(InquiryReply(inquiry).data)
