"""Signatures and vectors of corrections, the duplicates found with them, and the finding "another answer".

The extension's files come with the image `pgvector/pgvector` and with the embedded server, whose superuser has created
it already: then this creates nothing and needs no right to.
"""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import pgvector.django.halfvec
import pgvector.django.indexes
from django.db import migrations, models

CHECKS = [
    ("consent", "Consent"),
    ("environment", "Environment"),
    ("personal_data", "Personal data"),
    ("secret", "Secrets"),
    ("overlap", "Held-out overlap"),
    ("duplicate", "Duplicate"),
    ("other_answer", "Another answer"),
    ("author_share", "Author's share"),
    ("commentary", "Reads like commentary"),
    ("kind", "Kind"),
]


class Migration(migrations.Migration):
    dependencies = [("curation", "0007_report_hash")]

    operations = [
        migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS vector", migrations.RunSQL.noop),
        *(
            migrations.AlterField(model, "check_name", models.CharField(choices=CHECKS, max_length=16))
            for model in ("blocker", "override")
        ),
        migrations.CreateModel(
            name="Signature",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="signature",
                        serialize=False,
                        to="curation.case",
                    ),
                ),
                (
                    "version",
                    models.CharField(
                        help_text="Of the normaliser and the keys (`curation.duplicates`).", max_length=20
                    ),
                ),
                ("question", models.BigIntegerField(help_text="Key of the normalised prompt.")),
                (
                    "bands",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        help_text="32 MinHash bands of the character 5-grams.",
                        size=None,
                    ),
                ),
                (
                    "vector",
                    pgvector.django.halfvec.HalfVectorField(
                        dimensions=384, help_text="Unit length: prompt and answer together.", null=True
                    ),
                ),
                (
                    "encoder",
                    models.CharField(
                        blank=True, help_text="Name@revision of the model; vectors of one model.", max_length=120
                    ),
                ),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fastupdate=False, fields=["bands"], name="signature_bands"
                    ),
                    pgvector.django.indexes.HnswIndex(
                        ef_construction=64,
                        fields=["vector"],
                        m=16,
                        name="signature_neighbours",
                        opclasses=["halfvec_cosine_ops"],
                    ),
                    models.Index(fields=["question"], name="signature_question"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(bands__len=32), name="signature_has_32_bands"),
                    models.CheckConstraint(
                        condition=models.Q(vector__isnull=True) ^ ~models.Q(encoder=""),
                        name="vector_names_its_encoder",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Duplicate",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="duplicate",
                        serialize=False,
                        to="curation.case",
                    ),
                ),
                (
                    "kept",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="duplicates", to="curation.case"
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("exact", "Same words"),
                            ("near", "Nearly the same words"),
                            ("semantic", "Same in other words"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "score",
                    models.FloatField(
                        help_text="1 for the same words; the Jaccard index of 5-grams; the cosine of meanings."
                    ),
                ),
                ("limit", models.FloatField()),
                ("found_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [models.Index(fields=["method", "kept"], name="duplicate_groups")],
                "constraints": [
                    models.CheckConstraint(condition=~models.Q(case=models.F("kept")), name="no_duplicate_of_itself")
                ],
            },
        ),
    ]
