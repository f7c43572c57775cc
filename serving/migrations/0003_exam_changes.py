"""What learnt an exam's items is marked, is born marked, and is not promoted, whoever writes the row."""

from django.db import migrations, models

RELEASE = """
CREATE OR REPLACE FUNCTION serving_guard_release() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    run training_run%ROWTYPE;
    marks text[] := ARRAY['learnt_from_withdrawn_at', 'contamination'];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - marks <> to_jsonb(OLD) - marks
           OR (OLD.learnt_from_withdrawn_at IS NOT NULL AND NEW.learnt_from_withdrawn_at IS NULL) THEN
            RAISE EXCEPTION 'release v% is content-addressed: it is marked, never changed', OLD.number
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.run_id IS NOT NULL THEN
        SELECT * INTO run FROM training_run WHERE id = NEW.run_id;
        IF run.state <> 'finished' OR run.adapter_sha256 <> NEW.model_sha256 THEN
            RAISE EXCEPTION 'a release is the adapter of its finished run, byte for byte'
                USING ERRCODE = 'check_violation';
        END IF;
        NEW.learnt_from_withdrawn_at := coalesce(NEW.learnt_from_withdrawn_at, run.learnt_from_withdrawn_at);
        NEW.contamination := coalesce(NEW.contamination, run.contamination);
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION serving_mark_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    dataset curation_dataset%ROWTYPE;
BEGIN
    SELECT * INTO dataset FROM curation_dataset WHERE id = NEW.dataset_id;
    NEW.learnt_from_withdrawn_at := coalesce(NEW.learnt_from_withdrawn_at, dataset.learnt_from_withdrawn_at);
    NEW.contamination := coalesce(NEW.contamination, dataset.contamination);
    RETURN NEW;
END $$;
"""

PROMOTION = """
CREATE FUNCTION serving_refuse_exam_learners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted serving_release%ROWTYPE;
BEGIN
    SELECT * INTO wanted FROM serving_release WHERE id = NEW.release_id;
    IF wanted.contamination IS NOT NULL OR EXISTS (
        SELECT FROM training_run r JOIN curation_contamination() c ON c.dataset_id = r.dataset_id
        WHERE r.id = wanted.run_id) THEN
        RAISE EXCEPTION 'release v% learnt rows that are part of an exam: no gate can be trusted about it', wanted.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_exam_learners BEFORE INSERT ON serving_promotion
    FOR EACH ROW WHEN (NEW.reason = 'promoted') EXECUTE FUNCTION serving_refuse_exam_learners();
"""

UNDO = """
DROP TRIGGER refuse_exam_learners ON serving_promotion;
DROP FUNCTION serving_refuse_exam_learners();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0002_champion"),
        ("curation", "0009_exam_changes"),
        ("evaluation", "0004_exam_changes"),
        ("training", "0004_exam_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="release",
            name="contamination",
            field=models.JSONField(help_text="What its run's dataset says: rows it learnt are an exam's.", null=True),
        ),
        migrations.RunSQL(RELEASE + PROMOTION, UNDO),
    ]
