"""The bug list. Reports of before are on it; what reviewers said of them follows in curation's migration."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bug",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("taken", "In work"),
                            ("fixed", "Fixed"),
                            ("declined", "Not to be fixed"),
                            ("dropped", "No bug"),
                        ],
                        db_default="open",
                        default="open",
                        max_length=8,
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True, db_default="", help_text="What mended it, or why it stays.", max_length=500
                    ),
                ),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(null=True)),
                (
                    "receipt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bug", to="feedback.receipt"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["state", "-id"], name="bug_by_state")],
            },
        ),
        migrations.RunSQL(
            "INSERT INTO feedback_bug (receipt_id, opened_at) SELECT id, created_at FROM feedback_bugreport"
            " ORDER BY created_at, id",
            migrations.RunSQL.noop,
        ),
        *guards.operations("feedback", "bug_report_is_on_the_list"),
    ]
