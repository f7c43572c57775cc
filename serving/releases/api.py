"""The REST API of releases and the champion: the same actions as the page, for people who are signed in."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account, roles_of
from cftapp.base.refusal import Conflict
from serving.models import Promotion, Release, RollBackWaiver
from serving.releases import actions
from serving.releases.champion import champion, newest_promotion
from serving.releases.eligibility import promotion_bases, promotion_blockers
from serving.releases.roll_back_waivers import LONGEST_REASON, confirm_roll_back_waiver, request_roll_back_waiver

CONFLICT = OpenApiResponse(description="The state of things does not allow it: reasons as problem details (RFC 9457).")
FORBIDDEN = OpenApiResponse(description="Somebody else may do this: another role, or a second person.")
REFUSED = OpenApiResponse(description="Refused, with reasons as problem details (RFC 9457); nothing was changed.")


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
        fields = (
            "id",
            "release",
            "replaced",
            "reason",
            "gate",
            "waiver",
            "roll_back_waiver",
            "promoted_by",
            "promoted_at",
        )
        read_only_fields = fields


MOVE_RESPONSES = {200: PromotionSerializer, 409: CONFLICT, 422: REFUSED}


class RollBackSerializer(serializers.Serializer):
    to = serializers.IntegerField(required=False, min_value=0, help_text="Number of an earlier champion.")
    seen = serializers.IntegerField(required=False, min_value=0, help_text="Number of the champion you mean to leave.")


class RollBackWaiverSerializer(serializers.ModelSerializer):
    release = serializers.IntegerField(source="release.number", read_only=True)

    class Meta:
        model = RollBackWaiver
        fields = (
            "id",
            "release",
            "replaces",
            "reason",
            "requested_by",
            "requested_at",
            "confirmed_by",
            "confirmed_at",
        )
        read_only_fields = fields


class TheActionSaysWho(BasePermission):
    """Whoever holds a role may knock: both signatures are asked of roles and people by the actions themselves."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(roles_of(request.user))


class ReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=LONGEST_REASON, help_text="Why it must answer again all the same.")


@extend_schema_view(
    list=extend_schema(summary="All releases"),
    retrieve=extend_schema(summary="One release and the run it came from"),
)
class ReleaseViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Release.objects.select_related("run")
    serializer_class = ReleaseSerializer
    lookup_field = "number"
    lookup_value_converter = "int"

    @extend_schema(summary="Promote a release", request=None, responses=MOVE_RESPONSES)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, number: int) -> Response:
        """Make the release champion on its newest gate, or on that gate's confirmed waiver."""
        release = self.get_object()
        basis = promotion_bases([release]).get(release.pk)
        if basis is None:
            raise Conflict(*promotion_blockers(release, None, champion()))
        promotion = actions.promote(release, basis.waiver or basis.gate, by=account(request))
        return Response(PromotionSerializer(promotion).data)

    @extend_schema(
        summary="Request a roll-back waiver",
        request=ReasonSerializer,
        responses={201: RollBackWaiverSerializer, 403: FORBIDDEN, 409: CONFLICT, 422: REFUSED},
    )
    @action(detail=True, methods=["post"], url_path="roll-back-waiver", permission_classes=[TheActionSaysWho])
    def roll_back_waiver(self, request: Request, number: int) -> Response:
        """Ask, as the first of two people, to bring a marked earlier champion back in an emergency."""
        form = ReasonSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        waiver = request_roll_back_waiver(self.get_object(), form.validated_data["reason"], by=account(request))
        return Response(RollBackWaiverSerializer(waiver).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    list=extend_schema(summary="All roll-back waivers"),
    retrieve=extend_schema(summary="One roll-back waiver: for which release, why, and by whom"),
)
class RollBackWaiverViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = RollBackWaiver.objects.select_related("release")
    serializer_class = RollBackWaiverSerializer
    permission_classes = (TheActionSaysWho,)
    lookup_value_converter = "int"

    @extend_schema(
        summary="Confirm a roll-back waiver",
        request=None,
        responses={200: RollBackWaiverSerializer, 403: FORBIDDEN, 409: CONFLICT},
    )
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: int) -> Response:
        """Sign as the second person, a lead or compliance: one roll-back to the release is possible."""
        waiver = confirm_roll_back_waiver(self.get_object(), by=account(request))
        return Response(RollBackWaiverSerializer(waiver).data)


class ChampionViewSet(viewsets.GenericViewSet):
    queryset = Promotion.objects.select_related("release")
    serializer_class = PromotionSerializer

    @extend_schema(summary="The champion", responses=PromotionSerializer)
    @action(detail=False, url_path="now")
    def now(self, request: Request) -> Response:
        """The newest promotion: the release that answers now, and since when."""
        newest = newest_promotion()
        if newest is None:
            raise NotFound("No model is installed yet.")
        return Response(PromotionSerializer(newest).data)

    @extend_schema(
        summary="Roll back",
        request=RollBackSerializer,
        responses=MOVE_RESPONSES,
    )
    @action(detail=False, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request) -> Response:
        """Bring an earlier champion back: the champion before, or the release with the number `to`."""
        serializer = RollBackSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        releases = {field: self.release(number) for field, number in serializer.validated_data.items()}
        promotion = actions.roll_back(by=account(request), to=releases.get("to"), seen=releases.get("seen"))
        return Response(PromotionSerializer(promotion).data)

    def release(self, number: int) -> Release:
        release = Release.objects.filter(number=number).first()
        if release is None:
            raise NotFound(f"There is no release v{number}.")
        return release
