"""Screening policies over REST: every version, what one would find, and saving the next."""

from dataclasses import asdict
from functools import cached_property
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account, has_role, roles_of
from curation.models import ScreeningPolicy
from curation.thresholds import actions, labelled_set, tuning
from curation.thresholds.policies import policy_state


class NewestVersionFirst(CursorPagination):
    ordering = "-version"
    page_size = 50


class RolesReadEngineersAndLeadsSave(BasePermission):
    message = "Reading this takes a role, saving it the role engineer or lead: ask an admin."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the account may send this method."""
        if request.method in SAFE_METHODS:
            return bool(roles_of(request.user))
        return has_role(request.user, "engineer", "lead")


class PolicySerializer(serializers.ModelSerializer):
    saved_by = serializers.CharField(source="saved_by.username", read_only=True)
    in_force = serializers.SerializerMethodField(help_text="Whether rows are screened by it now.")

    class Meta:
        model = ScreeningPolicy
        fields = ("version", "values", "note", "measured", "saved_by", "saved_at", "in_force")
        read_only_fields = fields

    @cached_property
    def _version_in_force(self) -> int:
        """The version in force, read once a page."""
        return policy_state().version

    def get_in_force(self, policy: ScreeningPolicy) -> bool:
        return bool(policy.version == self._version_in_force)


class SaveSerializer(serializers.Serializer):
    values = serializers.DictField(
        child=serializers.FloatField(), help_text="Thresholds by name; others stay as they are."
    )
    note = serializers.CharField(max_length=300)
    replaces = serializers.IntegerField(min_value=0, help_text="The newest version, as you saw it; 0 before the first.")


class MeasuredSerializer(serializers.Serializer):
    snapshot = serializers.IntegerField(allow_null=True)
    values = serializers.DictField(child=serializers.FloatField())
    measured = serializers.DictField()


@extend_schema_view(
    list=extend_schema(summary="All versions of the screening policy, newest first"),
    retrieve=extend_schema(summary="One version of the screening policy"),
)
class PolicyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset = ScreeningPolicy.objects.select_related("saved_by")
    serializer_class = PolicySerializer
    permission_classes = [RolesReadEngineersAndLeadsSave]
    pagination_class = NewestVersionFirst

    @extend_schema(summary="Save thresholds as the next version", request=SaveSerializer)
    def create(self, request: Request) -> Response:
        """Save; 409 if another version came first, 422 with the reasons if a value is out of range."""
        body = SaveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = body.validated_data
        saved = actions.save_policy(fields["values"], fields["note"], replaces=fields["replaces"], by=account(request))
        return Response(self.get_serializer(saved).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="What thresholds would find of the labelled set",
        parameters=[OpenApiParameter(name, OpenApiTypes.FLOAT) for name in tuning.NAMES],
        responses=MeasuredSerializer,
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def measure(self, request: Request) -> Response:
        """Recall by form and false positives on both halves; a threshold that is left out is that of the newest."""
        values = {name: request.query_params[name] for name in tuning.NAMES if name in request.query_params}
        policy = actions.parse_policy(values, policy_state().newest_policy)
        snapshot = labelled_set.newest_snapshot()
        measured = tuning.measure(labelled_set.groups(snapshot), policy).summary()
        return Response({"snapshot": snapshot, "values": asdict(policy), "measured": measured})
