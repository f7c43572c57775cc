"""Releases and the champion over REST: the same actions as the page, for people who are signed in."""

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account
from cftapp.base.refusal import Refused
from serving.models import Promotion, Release
from serving.releases import actions
from serving.releases import champion as alias

REFUSED = OpenApiResponse(description="Refused, with reasons as problem details; nothing was changed.")


class ReleaseSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = Release
        fields = ("name", "number", "run", "model_sha256", "created_at", "learnt_from_withdrawn_at")
        read_only_fields = fields


class PromotionSerializer(serializers.ModelSerializer):
    release = ReleaseSerializer(read_only=True)

    class Meta:
        model = Promotion
        fields = ("id", "release", "replaced", "reason", "gate", "waiver", "promoted_by", "promoted_at")
        read_only_fields = fields


class RollBackSerializer(serializers.Serializer):
    to = serializers.IntegerField(required=False, min_value=0, help_text="Number of an earlier champion.")
    seen = serializers.IntegerField(required=False, min_value=0, help_text="Number of the champion you mean to leave.")


@extend_schema_view(
    list=extend_schema(summary="All releases"),
    retrieve=extend_schema(summary="One release and the run it came from"),
)
class ReleaseViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Release.objects.select_related("run")
    serializer_class = ReleaseSerializer
    lookup_field = "number"
    lookup_value_converter = "int"

    @extend_schema(summary="Promote a release", request=None, responses={200: PromotionSerializer, 422: REFUSED})
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, number: int) -> Response:
        """Make the release champion on its newest gate, or on that gate's confirmed waiver."""
        release = self.get_object()
        ticket = alias.tickets_of([release]).get(release.pk)
        if ticket is None:
            raise Refused(*alias.obstacles(release, None, alias.champion()))
        promotion = actions.promote(release, ticket.waiver or ticket.gate, by=account(request))
        return Response(PromotionSerializer(promotion).data)


class ChampionViewSet(viewsets.GenericViewSet):
    queryset = Promotion.objects.select_related("release")
    serializer_class = PromotionSerializer

    @extend_schema(summary="The champion", responses=PromotionSerializer)
    @action(detail=False, url_path="now")
    def now(self, request: Request) -> Response:
        """The newest promotion: who answers now, and since when."""
        newest = alias.newest_promotion()
        if newest is None:
            raise NotFound("No model is installed yet.")
        return Response(PromotionSerializer(newest).data)

    @extend_schema(summary="Roll back", request=RollBackSerializer, responses={200: PromotionSerializer, 422: REFUSED})
    @action(detail=False, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request) -> Response:
        """Bring an earlier champion back: the one before, or the one named in `to`."""
        asked = RollBackSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        named = {key: self.release(number) for key, number in asked.validated_data.items()}
        promotion = actions.roll_back(by=account(request), to=named.get("to"), seen=named.get("seen"))
        return Response(PromotionSerializer(promotion).data)

    def release(self, number: int) -> Release:
        found = Release.objects.filter(number=number).first()
        if found is None:
            raise NotFound(f"There is no release v{number}.")
        return found
