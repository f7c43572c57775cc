"""Sources of feedback (an application, an import) and the API keys that they post with."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from feedback.api_tokens import token_hash


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> Self:
        return self.filter(revoked_at__isnull=True, source__disabled_at__isnull=True)

    def matching(self, token: str) -> ApiKey | None:
        """The usable key with this token, and its source; None if there is none."""
        return self.usable().filter(token_hash=token_hash(token)).select_related("source").first()


class Environment(models.TextChoices):
    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    REPLAY = "replay", "Replay"


class Source(models.Model):
    """A place feedback comes from: an application, the gateway, the playground, an import."""

    class SubjectKind(models.TextChoices):
        USER = "user", "User"
        CONVERSATION = "conversation", "Conversation"

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    subject_kind = models.CharField(max_length=12, choices=SubjectKind, default=SubjectKind.USER)
    held_out_percent = models.DecimalField(max_digits=5, decimal_places=2, default=10)
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.PRODUCTION)
    tenant = models.SlugField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text="The brand or customer that all of its rows are of. Empty: each row may name its own.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(held_out_percent__gte=0) & Q(held_out_percent__lte=100),
                name="source_held_out_percent_range",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ApiKey(models.Model):
    """A bearer token of a source; only its SHA-256 is stored, the prefix is shown."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="api_keys")
    label = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64, unique=True)
    tenant = models.SlugField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text="The one brand or customer that it may post for. Empty: any of its source.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix}…)"
