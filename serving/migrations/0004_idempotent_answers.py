"""Answers of the gateway that wait for a repetition under an Idempotency-Key."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0008_consent_wordings"),
        ("serving", "0003_roll_back_waivers"),
    ]

    operations = [
        migrations.CreateModel(
            name="IdempotentAnswer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=200)),
                (
                    "request_hash",
                    models.CharField(help_text="Keyed: the request's text cannot be guessed from it.", max_length=64),
                ),
                ("claim", models.UUIDField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("answer", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "api_key",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="feedback.apikey"
                    ),
                ),
                (
                    "interaction",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.interaction",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["created_at"], name="idempotent_answer_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("api_key", "key"), name="answer_once_per_idempotency_key"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("claim__isnull", True), ("interaction__isnull", False)),
                            models.Q(("answer__isnull", True), ("claim__isnull", False), ("interaction__isnull", True)),
                            _connector="OR",
                        ),
                        name="answer_is_of_an_interaction",
                    ),
                ],
            },
        ),
        *guards.operations("serving", "answer_goes_with_its_words"),
    ]
