"""Runs over REST, with the session of an engineer: the same actions as the console's."""

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account
from curation.models import Dataset
from training import actions
from training.engine.manifest import CHOICES, LIMITS
from training.models import Run
from training.preparation.recipes import DEFAULT_PRESET, PRESETS

REFUSED = OpenApiResponse(description="Refused, with reasons as problem details; nothing was changed.")


class RunSerializer(serializers.ModelSerializer):
    class Meta:
        model = Run
        fields = (
            "id",
            "state",
            "dataset",
            "recipe",
            "base_sha256",
            "seed",
            "step",
            "total_steps",
            "attempt",
            "queued_at",
            "started_at",
            "ended_at",
            "error",
            "manifest",
            "manifest_sha256",
            "adapter_sha256",
            "vault_refusal",
            "result",
            "learnt_from_withdrawn_at",
        )
        read_only_fields = fields


class NewRunSerializer(serializers.Serializer):
    dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all())
    preset = serializers.ChoiceField(choices=sorted(PRESETS), default=DEFAULT_PRESET)
    recipe = serializers.DictField(
        default=dict,
        help_text="Values over the preset's. Numbers: "
        + ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in LIMITS.items())
        + "; "
        + "; ".join(f"{name}: {', '.join(values)}" for name, values in CHOICES.items())
        + ". The result counts rows_cut and rows_left_out: those that were too long. `left_out` has the numbers of "
        "the latter, from 1 in the dataset's order: the adapter has not learnt them.",
    )
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


@extend_schema_view(
    list=extend_schema(summary="All runs"),
    retrieve=extend_schema(summary="One run: its state, its recipe, its manifest"),
)
class RunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset = Run.objects.all()
    serializer_class = RunSerializer

    @extend_schema(
        summary="Queue a run", request=NewRunSerializer, responses={201: RunSerializer, 409: REFUSED, 422: REFUSED}
    )
    def create(self, request: Request) -> Response:
        """Queue a run of a dataset: a preset, values over it, a seed."""
        form = NewRunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        recipe = {**PRESETS[data["preset"]]["recipe"], **data["recipe"]}
        run = actions.queue_run(data["dataset"], recipe, seed=data["seed"], by=account(request))
        return Response(RunSerializer(run).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Stop a run", request=None, responses={200: RunSerializer, 409: REFUSED})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop a waiting run, or ask a working one for a checkpoint and its end."""
        return Response(RunSerializer(actions.request_stop(self.get_object(), by=account(request))).data)

    @extend_schema(summary="Go on with a run", request=None, responses={200: RunSerializer, 409: REFUSED, 422: REFUSED})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Queue a stopped or failed run again."""
        return Response(RunSerializer(actions.resume_run(self.get_object(), by=account(request))).data)
