"""Datasets over REST: engineers freeze them with the same action as the page; whoever holds a role reads them."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from cftapp.base.accounts import account
from curation.datasets import actions
from curation.models import Dataset, DatasetRow


class InOrder(CursorPagination):
    """As they are trained on and hashed."""

    ordering = "position"
    page_size = 1000


class DatasetSerializer(serializers.ModelSerializer):
    class Meta:
        model = Dataset
        fields = (
            "id",
            "name",
            "recipe",
            "report",
            "merkle_root",
            "pair_count",
            "replay_count",
            "epoch",
            "frozen_at",
            "learnt_from_withdrawn_at",
        )
        read_only_fields = fields


class RowSerializer(serializers.ModelSerializer):
    class Meta:
        model = DatasetRow
        fields = ("position", "row_hash", "pair", "replay_row")
        read_only_fields = fields


class FreezeSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    recipe = serializers.DictField(required=False, default=dict)


@extend_schema_view(
    list=extend_schema(summary="All datasets, newest first"),
    retrieve=extend_schema(summary="One dataset: its recipe, its report, its Merkle root"),
)
class DatasetViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Dataset.objects.all()
    serializer_class = DatasetSerializer

    @extend_schema(summary="Freeze a dataset", request=FreezeSerializer, responses={201: DatasetSerializer})
    def create(self, request: Request) -> Response:
        """Freeze a dataset by a recipe; 422 or, where the state of things is in the way, 409, with the reasons."""
        asked = FreezeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = actions.freeze_dataset(asked.validated_data["name"], asked.validated_data["recipe"], by=account(request))
        return Response(DatasetSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="The rows of a dataset", responses=RowSerializer(many=True))
    @action(detail=True)
    def rows(self, request: Request, pk: Any = None) -> Response:
        """The rows in order: position, hash, and what they are. Hashes prove the Merkle root."""
        pages = InOrder()
        rows = pages.paginate_queryset(DatasetRow.objects.filter(dataset=self.get_object()), request, view=self)
        return pages.get_paginated_response(RowSerializer(rows, many=True).data)
