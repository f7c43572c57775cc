"""Datasets over REST: engineers read them and freeze them, with the same action as the page."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.refusal import Refused
from cftapp.accounts import has_role
from curation import actions
from curation.models import Dataset, DatasetRow


class IsEngineer(BasePermission):
    message = "This needs the role engineer: ask an admin."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return has_role(request.user, "engineer")


class Newest(CursorPagination):
    ordering = "-id"
    page_size = 50


class InOrder(CursorPagination):
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


class RefusalSerializer(serializers.Serializer):
    errors = serializers.ListField(child=serializers.DictField(child=serializers.CharField(allow_blank=True)))


class DatasetViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Dataset.objects.all()
    serializer_class = DatasetSerializer
    permission_classes = [IsEngineer]
    pagination_class = Newest

    @extend_schema(request=FreezeSerializer, responses={201: DatasetSerializer, 409: RefusalSerializer})
    def create(self, request: Request) -> Response:
        """Freeze a dataset by a recipe; 409 with the reasons if nothing can be frozen."""
        asked = FreezeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            made = actions.freeze_dataset(asked.validated_data["name"], asked.validated_data["recipe"], by=request.user)
        except Refused as refused:
            errors = [{"field": b.field, "message": b.message, "remedy": b.remedy} for b in refused.blockers]
            return Response({"errors": errors}, status=status.HTTP_409_CONFLICT)
        return Response(DatasetSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=RowSerializer(many=True))
    @action(detail=True)
    def rows(self, request: Request, pk: Any = None) -> Response:
        """The rows in order: position, hash, and what they are. Hashes prove the Merkle root."""
        pages = InOrder()
        rows = pages.paginate_queryset(DatasetRow.objects.filter(dataset=self.get_object()), request, view=self)
        return pages.get_paginated_response(RowSerializer(rows, many=True).data)
