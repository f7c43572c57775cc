"""What people ask the screener about a text, and what their questions look like together."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class Inquiry(models.Model):
    """Somebody asked whether a text overlaps the exam. The text is kept until it is answered, and no longer."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the screener"
        ANSWERED = "answered", "Answered"
        EXPIRED = "expired", "Not answered in time"

    class Verdict(models.TextChoices):
        CLEAN = "clean", "Clean"
        BLOCKED = "blocked", "Overlaps"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="inquiries")
    asked_at = models.DateTimeField(default=timezone.now)
    prompt = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    length = models.PositiveIntegerField(help_text="Characters of the text.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    answered_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=7, choices=Verdict, blank=True)
    method = models.CharField(max_length=20, blank=True)
    score = models.FloatField(null=True, help_text="Coarse; none for a clean text.")
    limit = models.FloatField(null=True)
    item_id = models.CharField(max_length=64, blank=True, help_text="Opaque.")
    benchmark = models.CharField(max_length=200, blank=True)
    epoch = models.PositiveIntegerField(null=True)
    spans = models.JSONField(default=list, help_text="Ranges of the asker's own text.")
    text_code = models.CharField(
        max_length=64, blank=True, help_text="HMAC of the text under the registry key: tells repetitions, and no text."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="inquiry_keeps_its_text_only_while_it_waits",
                condition=Q(state="waiting") | Q(prompt="", answer=""),
            ),
            models.CheckConstraint(
                name="inquiry_has_a_verdict_once_answered", condition=Q(state="answered") ^ Q(verdict="")
            ),
            models.CheckConstraint(
                name="clean_inquiry_tells_nothing",
                condition=Q(verdict="blocked") | Q(score=None, limit=None, method="", item_id="", benchmark=""),
            ),
        ]
        indexes = [
            models.Index(fields=["asked_by", "-asked_at"], name="inquiry_by_person"),
            models.Index(fields=["asked_at"], condition=Q(state="waiting"), name="inquiry_waiting"),
        ]


class InquirySketch(models.Model):
    """Keyed hashes of an inquiry's words, for a day: whether somebody asks about nearly the same text again and again.

    A table of its own, because only the screener may read it.
    """

    inquiry = models.OneToOneField(Inquiry, primary_key=True, on_delete=models.CASCADE, related_name="sketch")
    words = models.BinaryField()


class InquiryAlert(models.Model):
    """Somebody's inquiries look like a search for the exam's text. Until it is settled they get no answers."""

    class Rule(models.TextChoices):
        ALIKE = "alike", "Many texts that are nearly the same"
        ONE_ITEM = "one_item", "Many texts that meet one item"
        CREEPING = "creeping", "Scores that creep up against one item"

    id = models.BigAutoField(primary_key=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="inquiry_alerts")
    inquiry = models.ForeignKey(Inquiry, on_delete=models.PROTECT, related_name="alerts")
    rule = models.CharField(max_length=8, choices=Rule)
    inquiries = models.PositiveIntegerField(help_text="Different texts that the rule counted.")
    raised_at = models.DateTimeField(auto_now_add=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="settled_inquiry_alerts"
    )
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asked_by"], condition=Q(settled_at=None), name="one_open_inquiry_alert_a_person"
            ),
            models.CheckConstraint(
                name="settled_inquiry_alert_names_who",
                condition=Q(settled_at=None, settled_by=None) | Q(settled_at__isnull=False, settled_by__isnull=False),
            ),
            models.CheckConstraint(
                name="inquiry_alert_needs_two_people", condition=Q(settled_by=None) | ~Q(settled_by=F("asked_by"))
            ),
        ]
