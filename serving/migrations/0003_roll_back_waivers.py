"""A roll-back meets the obstacles of a promotion; two people bring a marked release back in an emergency."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0002_guards"),
        ("curation", "0004_consent_is_held"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RollBackWaiver",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.TextField()),
                ("requested_at", models.DateTimeField(auto_now_add=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="roll_back_waivers",
                        to="serving.release",
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="serving.promotion"
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="promotion",
            name="roll_back_waiver",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="promotion",
                to="serving.rollbackwaiver",
            ),
        ),
        migrations.AddConstraint(
            model_name="rollbackwaiver",
            constraint=models.UniqueConstraint(
                fields=("release", "replaces"), name="one_roll_back_waiver_an_emergency"
            ),
        ),
        migrations.AddConstraint(
            model_name="rollbackwaiver",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("confirmed_at__isnull", True), ("confirmed_by__isnull", True)),
                    models.Q(
                        ("confirmed_at__isnull", False),
                        ("confirmed_by__isnull", False),
                        models.Q(("confirmed_by", models.F("requested_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="roll_back_waiver_needs_two_people",
            ),
        ),
        migrations.AddConstraint(
            model_name="rollbackwaiver",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason__regex", "\\S")), name="roll_back_waiver_has_a_reason"
            ),
        ),
        *guards.operations(
            "serving",
            "exam_learners_are_not_promoted.2",
            "withdrawn_learners_do_not_answer",
            "roll_back_waiver_is_of_two_people",
        ),
    ]
