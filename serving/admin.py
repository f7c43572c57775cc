"""Read-only: `serving.releases.actions` owns every write."""

from django.contrib import admin

from cftapp.base.back_office import ReadOnly
from serving.models import Promotion, Release


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    list_display = ("__str__", "run", "model_sha256", "created_at", "learnt_from_withdrawn_at")
    list_select_related = ("run",)
    ordering = ("-number",)


@admin.register(Promotion)
class PromotionAdmin(ReadOnly):
    list_display = ("release", "reason", "gate", "waiver", "promoted_by", "promoted_at")
    list_select_related = ("release", "gate", "waiver")
