"""Read-only: `feedback.actions` owns every write."""

from django.contrib import admin

from cftapp.base.back_office import ReadOnly
from feedback.models import (
    ApiKey,
    BugReport,
    Comment,
    ConsentEntry,
    ConsentWording,
    Correction,
    Interaction,
    Source,
    Subject,
    TasteNote,
)


@admin.register(Source)
class SourceAdmin(ReadOnly):
    list_display = ("name", "title", "subject_kind", "environment", "held_out_percent", "disabled_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    list_display = ("prefix", "label", "source", "created_at", "revoked_at")
    list_select_related = ("source",)
    exclude = ("token_hash",)


@admin.register(Subject)
class SubjectAdmin(ReadOnly):
    list_display = ("label", "source", "lane", "created_at")
    list_select_related = ("source",)
    ordering = ("pk",)


@admin.register(Interaction)
class InteractionAdmin(ReadOnly):
    list_display = ("id", "source", "lane", "environment", "model_name", "created_at")
    list_select_related = ("source",)
    list_filter = ("lane", "environment")
    ordering = ("pk",)


@admin.register(ConsentEntry)
class ConsentEntryAdmin(ReadOnly):
    list_display = ("id", "subject", "decision", "wording_id", "legal_basis", "expires_at", "recorded_at")
    list_select_related = ("subject",)
    ordering = ("-id",)


@admin.register(ConsentWording)
class ConsentWordingAdmin(ReadOnly):
    list_display = ("version", "language", "source", "published_at", "published_by")
    list_select_related = ("source",)
    ordering = ("-published_at",)


@admin.register(BugReport, TasteNote, Correction, Comment)
class FeedbackAdmin(ReadOnly):
    list_display = ("id", "interaction_id", "created_at")
    ordering = ("pk",)
