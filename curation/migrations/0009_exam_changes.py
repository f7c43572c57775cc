"""What happens when the exam changes: what measures alike, which frozen rows became items, what was compared before."""

import django.db.models.deletion
from django.db import migrations, models

CONTAMINATION = """
CREATE INDEX blocker_overlapping ON curation_blocker (case_id) WHERE check_name = 'overlap' AND blocking;
CREATE INDEX replayrow_overlapping ON curation_replayrow (id) WHERE "overlaps";

-- Of every dataset that holds rows which are items of an exam today: how many, of which exam, and the pairs among them.
-- Numbers and names only, so that whoever marks what learnt them needs no right to read a finding.
CREATE FUNCTION curation_contamination() RETURNS TABLE (dataset_id bigint, row_count bigint, benchmarks jsonb, pairs uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH found AS (
        SELECT f.dataset_id, f.pair_id, coalesce(b.evidence ->> 'benchmark', '') AS benchmark
        FROM curation_blocker b
        JOIN curation_case k ON k.id = b.case_id
        JOIN curation_pair p ON p.correction_id = k.correction_id
        JOIN curation_datasetrow f ON f.pair_id = p.id
        WHERE b.check_name = 'overlap' AND b.blocking AND NOT curation_covered(k.id, 'overlap')
        UNION ALL
        SELECT f.dataset_id, NULL, r.overlaps_with
        FROM curation_replayrow r JOIN curation_datasetrow f ON f.replay_row_id = r.id
        WHERE r.overlaps
    ), counted AS (
        SELECT dataset_id, benchmark, count(*) AS many FROM found GROUP BY dataset_id, benchmark
    )
    SELECT c.dataset_id, sum(c.many)::bigint, jsonb_object_agg(c.benchmark, c.many),
           (SELECT array_agg(DISTINCT f.pair_id) FILTER (WHERE f.pair_id IS NOT NULL)
            FROM found f WHERE f.dataset_id = c.dataset_id)
    FROM counted c GROUP BY c.dataset_id
$$;
"""

GUARD = """
CREATE OR REPLACE FUNCTION curation_guard_dataset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - ARRAY['learnt_from_withdrawn_at', 'contamination']
       <> to_jsonb(OLD) - ARRAY['learnt_from_withdrawn_at', 'contamination']
       OR (OLD.learnt_from_withdrawn_at IS NOT NULL
           AND NEW.learnt_from_withdrawn_at IS DISTINCT FROM OLD.learnt_from_withdrawn_at) THEN
        RAISE EXCEPTION 'dataset % is frozen', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""

DROP = """
DROP FUNCTION curation_contamination();
DROP INDEX replayrow_overlapping;
DROP INDEX blocker_overlapping;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0008_duplicates"),
    ]

    operations = [
        migrations.AddField(
            model_name="dataset",
            name="contamination",
            field=models.JSONField(help_text="How many of its rows are items of which exam today.", null=True),
        ),
        migrations.AddField(
            model_name="registryepoch",
            name="comparable_since",
            field=models.PositiveIntegerField(
                help_text="Oldest epoch that measured as this one does. Empty: none before it did.", null=True
            ),
        ),
        migrations.AddField(
            model_name="replayrow",
            name="overlaps_with",
            field=models.CharField(blank=True, db_default="", help_text="Name and version of the exam.", max_length=80),
        ),
        migrations.CreateModel(
            name="ReverseCheck",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("sha256", models.CharField(help_text="Of the offered registry.", max_length=64)),
                ("items", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "Asked"), ("finished", "Finished")], default="asked", max_length=8
                    ),
                ),
                ("last_case", models.BigIntegerField(default=0)),
                ("last_replay_row", models.BigIntegerField(default=0)),
                ("rows", models.PositiveIntegerField(default=0, help_text="Rows compared so far.")),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "within",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="narrower",
                        to="curation.reversecheck",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReverseMatch",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("item", models.PositiveIntegerField(help_text="Place among the offered items, from 0.")),
                ("method", models.CharField(max_length=20)),
                ("score", models.FloatField()),
                ("frozen", models.BooleanField(help_text="Whether a dataset held the row when it was found.")),
                (
                    "case",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="curation.case"
                    ),
                ),
                (
                    "check_run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="matches", to="curation.reversecheck"
                    ),
                ),
                (
                    "replay_row",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="curation.replayrow",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="reversecheck",
            index=models.Index(
                condition=models.Q(("state", "asked")), fields=["asked_at"], name="reverse_check_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="reversematch",
            constraint=models.CheckConstraint(
                condition=models.Q(("case__isnull", False), ("replay_row__isnull", False), _connector="XOR"),
                name="match_is_case_or_replay",
            ),
        ),
        migrations.AddConstraint(
            model_name="reversematch",
            constraint=models.UniqueConstraint(fields=("check_run", "case"), name="one_match_a_case"),
        ),
        migrations.AddConstraint(
            model_name="reversematch",
            constraint=models.UniqueConstraint(fields=("check_run", "replay_row"), name="one_match_a_replay_row"),
        ),
        migrations.RunSQL(CONTAMINATION + GUARD, DROP),
    ]
