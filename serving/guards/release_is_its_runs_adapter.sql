-- A release is the adapter of its finished run, byte for byte, is born with the run's marks, and is only marked later.
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
CREATE OR REPLACE TRIGGER guard_release BEFORE INSERT OR UPDATE ON serving_release
    FOR EACH ROW EXECUTE FUNCTION serving_guard_release();
