"""Back office, read-only: releases and promotions are written by actions alone."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from serving.models import Promotion, Release


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    list_display = ["__str__", "run", "model_sha256", "created_at", "learnt_from_withdrawn_at"]
    list_select_related = ["run"]
    ordering = ["-number"]


@admin.register(Promotion)
class PromotionAdmin(ReadOnly):
    list_display = ["release", "reason", "gate", "waiver", "promoted_by", "promoted_at"]
    list_select_related = ["release", "gate", "waiver"]
    ordering = ["-id"]
