"""Policies are versions that nobody rewrites; an epoch is a snapshot and a policy; labelled scores are only added."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE FUNCTION curation_guard_policy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.version <> 1 + coalesce((SELECT max(version) FROM curation_screeningpolicy), 0) THEN
        RAISE EXCEPTION 'policy %: versions follow each other', NEW.version USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER curation_guard_policy BEFORE INSERT ON curation_screeningpolicy
    FOR EACH ROW EXECUTE FUNCTION curation_guard_policy();

CREATE FUNCTION curation_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%: % is refused, its rows stay as they were written', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER policies_are_kept BEFORE UPDATE OR DELETE ON curation_screeningpolicy
    FOR EACH ROW EXECUTE FUNCTION curation_keep();
CREATE TRIGGER no_policy_is_lost BEFORE TRUNCATE ON curation_screeningpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION curation_keep();
CREATE TRIGGER labelled_scores_are_kept BEFORE UPDATE OR DELETE ON curation_labelledscores
    FOR EACH ROW EXECUTE FUNCTION curation_keep();
CREATE TRIGGER no_labelled_score_is_lost BEFORE TRUNCATE ON curation_labelledscores
    FOR EACH STATEMENT EXECUTE FUNCTION curation_keep();
"""

DROP = """
DROP TRIGGER no_labelled_score_is_lost ON curation_labelledscores;
DROP TRIGGER labelled_scores_are_kept ON curation_labelledscores;
DROP TRIGGER no_policy_is_lost ON curation_screeningpolicy;
DROP TRIGGER policies_are_kept ON curation_screeningpolicy;
DROP FUNCTION curation_keep();
DROP TRIGGER curation_guard_policy ON curation_screeningpolicy;
DROP FUNCTION curation_guard_policy();
"""

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0003_guard_replay_rows"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ScreeningPolicy",
            fields=[
                ("version", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("values", models.JSONField(help_text="Every threshold by its name.")),
                ("note", models.CharField(help_text="Why it was saved.", max_length=300)),
                (
                    "measured",
                    models.JSONField(default=dict, help_text="What it found of the labelled set when it was saved."),
                ),
                ("saved_at", models.DateTimeField(auto_now_add=True)),
                (
                    "saved_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="screening_policies",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["-version"]},
        ),
        migrations.AddField(
            model_name="registryepoch",
            name="policy",
            field=models.ForeignKey(
                db_column="policy_version",
                db_index=False,
                help_text="Empty: the built-in policy.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="epochs",
                to="curation.screeningpolicy",
            ),
        ),
        migrations.AddField(
            model_name="registryepoch",
            name="snapshot_number",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.RunSQL("UPDATE curation_registryepoch SET snapshot_number = number", migrations.RunSQL.noop),
        # The foreign key's check, deferred by the rows just written, has to be over before the table is altered again.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"),
        migrations.AlterField(
            model_name="registryepoch",
            name="snapshot_number",
            field=models.PositiveIntegerField(blank=True, help_text="The snapshot's number in the vault."),
        ),
        migrations.CreateModel(
            name="LabelledScores",
            fields=[
                ("id", ID),
                ("snapshot_number", models.PositiveIntegerField()),
                ("part", models.PositiveSmallIntegerField(help_text="Which share of the sample, from 0.")),
                (
                    "form",
                    models.CharField(help_text="The form of leak, or the set of texts that are none.", max_length=60),
                ),
                ("is_leak", models.BooleanField()),
                ("rows", models.PositiveIntegerField()),
                ("columns", models.JSONField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("snapshot_number", "part", "form"), name="labelled_scores_once")
                ],
            },
        ),
        migrations.RunSQL(GUARD, DROP),
    ]
