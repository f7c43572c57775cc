"""Inquiries: does this text overlap the exam? One begins unanswered, whoever writes it; only the screener may answer."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE FUNCTION curation_guard_inquiry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'waiting' THEN
        RAISE EXCEPTION 'an inquiry begins as waiting, not as %', NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER curation_guard_inquiry BEFORE INSERT ON curation_inquiry
    FOR EACH ROW EXECUTE FUNCTION curation_guard_inquiry();
"""
DROP = """
DROP TRIGGER curation_guard_inquiry ON curation_inquiry;
DROP FUNCTION curation_guard_inquiry();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0004_screening_policies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Inquiry",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("prompt", models.TextField(blank=True)),
                ("answer", models.TextField(blank=True)),
                ("length", models.PositiveIntegerField(help_text="Characters of the text.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting for the screener"),
                            ("answered", "Answered"),
                            ("expired", "Not answered in time"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "verdict",
                    models.CharField(blank=True, choices=[("clean", "Clean"), ("blocked", "Overlaps")], max_length=7),
                ),
                ("method", models.CharField(blank=True, max_length=20)),
                ("score", models.FloatField(help_text="Coarse; none for a clean text.", null=True)),
                ("limit", models.FloatField(null=True)),
                ("item_id", models.CharField(blank=True, help_text="Opaque.", max_length=64)),
                ("benchmark", models.CharField(blank=True, max_length=200)),
                ("epoch", models.PositiveIntegerField(null=True)),
                ("spans", models.JSONField(default=list, help_text="Ranges of the asker's own text.")),
                (
                    "text_code",
                    models.CharField(
                        blank=True,
                        help_text="HMAC of the text under the registry key: tells repetitions, and no text.",
                        max_length=64,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="inquiries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="InquirySketch",
            fields=[
                (
                    "inquiry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="sketch",
                        serialize=False,
                        to="curation.inquiry",
                    ),
                ),
                ("words", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="InquiryAlert",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("alike", "Many texts that are nearly the same"),
                            ("one_item", "Many texts that meet one item"),
                            ("creeping", "Scores that creep up against one item"),
                        ],
                        max_length=8,
                    ),
                ),
                ("inquiries", models.PositiveIntegerField(help_text="Different texts that the rule counted.")),
                ("raised_at", models.DateTimeField(auto_now_add=True)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="inquiry_alerts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "inquiry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="alerts", to="curation.inquiry"
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settled_inquiry_alerts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(fields=["asked_by", "-asked_at"], name="inquiry_by_person"),
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(condition=models.Q(("state", "waiting")), fields=["asked_at"], name="inquiry_waiting"),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "waiting"), models.Q(("answer", ""), ("prompt", "")), _connector="OR"),
                name="inquiry_keeps_its_text_only_while_it_waits",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "answered"), ("verdict", ""), _connector="XOR"),
                name="inquiry_has_a_verdict_once_answered",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("verdict", "blocked"),
                    models.Q(("benchmark", ""), ("item_id", ""), ("limit", None), ("method", ""), ("score", None)),
                    _connector="OR",
                ),
                name="clean_inquiry_tells_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiryalert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("settled_at", None)), fields=("asked_by",), name="one_open_inquiry_alert_a_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiryalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at", None), ("settled_by", None)),
                    models.Q(("settled_at__isnull", False), ("settled_by__isnull", False)),
                    _connector="OR",
                ),
                name="settled_inquiry_alert_names_who",
            ),
        ),
        migrations.RunSQL(GUARD, DROP),
    ]
