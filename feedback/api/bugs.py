"""The bug list over REST, with the session of whoever is signed in: the same actions as the page's."""

from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account, has_role
from feedback.actions import move_bug
from feedback.actions.bugs import LONGEST_NOTE, MOVES
from feedback.models import Bug, with_words

REFUSED = OpenApiResponse(description="Refused, with reasons as problem details; nothing was changed.")


class ReadersReadEngineersMove(BasePermission):
    """Who may read feedback reads the list; engineers move what is on it."""

    message = "Reading this takes the role reviewer, lead, engineer, compliance or admin; moving a bug engineer."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return has_role(request.user, "reviewer", "lead", "engineer", "compliance", "admin")
        return has_role(request.user, "engineer")


class BugSerializer(serializers.ModelSerializer):
    kind = serializers.CharField(source="receipt.kind")
    feedback = serializers.UUIDField(source="receipt_id")
    interaction = serializers.UUIDField(source="receipt.interaction_id")
    words = serializers.CharField()

    class Meta:
        model = Bug
        fields = ("id", "state", "kind", "feedback", "interaction", "words", "note", "opened_at", "changed_at")
        read_only_fields = fields


class MoveSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=sorted(MOVES))
    note = serializers.CharField(
        max_length=LONGEST_NOTE,
        required=False,
        allow_blank=True,
        default="",
        help_text="What mended it, or why it stays; needed for fixed and declined.",
        validators=[ProhibitNullCharactersValidator()],
    )


@extend_schema_view(
    list=extend_schema(
        summary="The bug list", parameters=[OpenApiParameter("state", str, enum=[str(s) for s in Bug.State.values])]
    ),
    retrieve=extend_schema(summary="One bug"),
)
class BugViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset = Bug.objects.with_origin()
    serializer_class = BugSerializer
    permission_classes = (ReadersReadEngineersMove,)

    def filter_queryset(self, queryset: Any) -> Any:
        return queryset.in_state(self.request.query_params.get("state", "")) if self.action == "list" else queryset

    def paginate_queryset(self, queryset: Any) -> Any:
        return with_words(super().paginate_queryset(queryset) or [])

    def get_object(self) -> Bug:
        return with_words([super().get_object()])[0]

    @extend_schema(
        summary="Move a bug", request=MoveSerializer, responses={200: BugSerializer, 409: REFUSED, 422: REFUSED}
    )
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Take a bug into work, mend it, decline it, or open it again."""
        bug = self.get_object()
        form = MoveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        move_bug(bug.pk, form.validated_data["state"], form.validated_data["note"], by=account(request))
        return Response(BugSerializer(self.get_object()).data)
