"""Consent wordings become rows, and consent carries the time it was given."""

import hashlib

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q

from cftapp.base import guards

WITHDRAWAL = (
    "You can withdraw it at any time: your corrections then leave every future dataset, and the models that learnt from "
    "them are marked."
)
# What stood beside the box before wordings were rows, to the letter.
LABEL = "Models may be trained on my corrections"
BUILT_IN = {
    "2026-11": f"Off by default. It covers this correction and the others you send here. {WITHDRAWAL}",
    "2026-11-2": f"Off by default. It covers every correction you send from this browser. {WITHDRAWAL}",
}
NOT_KEPT = "Wording {}\nIts words were not kept here: the application that showed it has them."


def add_wordings(apps, schema_editor):
    """The built-in ones, and a row for each version that the ledger names although nobody kept its words."""
    named = apps.get_model("feedback", "ConsentEntry").objects.values_list("wording_version", flat=True).distinct()
    texts = {version: f"{LABEL}\n{explanation}" for version, explanation in BUILT_IN.items()}
    texts |= {version: NOT_KEPT.format(version) for version in named if version not in texts}
    apps.get_model("feedback", "ConsentWording").objects.bulk_create(
        apps.get_model("feedback", "ConsentWording")(
            version=version,
            language="en" if version in BUILT_IN else "und",
            text=text,
            text_sha256=hashlib.sha256(text.encode()).hexdigest(),
            published_by="process:owner",
        )
        for version, text in sorted(texts.items())
    )


# Until now a decision was given when it was recorded. The guard lets nobody else touch the ledger.
DATE_ENTRIES = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE feedback_consententry DISABLE TRIGGER append_only_rows;
UPDATE feedback_consententry SET given_at = recorded_at;
ALTER TABLE feedback_consententry ENABLE TRIGGER append_only_rows;
"""


class Migration(migrations.Migration):
    dependencies = [("feedback", "0007_who_filed_it")]

    operations = [
        migrations.CreateModel(
            name="ConsentWording",
            fields=[
                ("version", models.CharField(max_length=40, primary_key=True, serialize=False)),
                (
                    "language",
                    models.CharField(help_text="A language tag (BCP 47), such as en or pt-BR.", max_length=35),
                ),
                ("text", models.TextField(help_text="The first line stands beside the box, the rest below it.")),
                ("text_sha256", models.CharField(help_text="Of the text in UTF-8.", max_length=64)),
                ("published_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("published_by", models.CharField(max_length=120)),
                (
                    "source",
                    models.ForeignKey(
                        help_text="Who shows it; none: anybody.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wordings",
                        to="feedback.source",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(version__regex=r"^[A-Za-z0-9._:/-]{1,40}$"),
                        name="wording_version_is_an_identifier",
                    ),
                    models.CheckConstraint(
                        condition=Q(language__regex=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"),
                        name="wording_language_is_a_tag",
                    ),
                    models.CheckConstraint(condition=Q(text__regex=r"\S"), name="wording_has_words"),
                ],
            },
        ),
        migrations.RunPython(add_wordings, migrations.RunPython.noop),
        migrations.AddField("consententry", "given_at", models.DateTimeField(null=True)),
        migrations.RunSQL(DATE_ENTRIES, migrations.RunSQL.noop),
        migrations.AlterField(
            "consententry",
            "given_at",
            models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                default=django.utils.timezone.now,
                help_text="When the person decided; it may reach us later.",
            ),
        ),
        migrations.RenameField("consententry", "wording_version", "wording"),
        migrations.AlterField(
            "consententry",
            "wording",
            models.ForeignKey(
                db_column="wording_version",
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="feedback.consentwording",
            ),
        ),
        *guards.operations("feedback", "wording_is_kept_to_the_letter", "last_word_is_the_later"),
    ]
