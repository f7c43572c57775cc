"""Which account filed feedback, and which accounts are subjects as well."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0006_consent_is_held"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="bugreport",
            name="filed_by",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="The account that filed it, where one did: it may not accept it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="comment",
            name="filed_by",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="The account that filed it, where one did: it may not accept it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="filed_by",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="The account that filed it, where one did: it may not accept it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="tastenote",
            name="filed_by",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="The account that filed it, where one did: it may not accept it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="SubjectAccount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("linked_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="feedback.subject",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("subject", "account"), name="subject_is_an_account_once")
                ],
            },
        ),
        *guards.operations("feedback", "own_feedback"),
    ]
