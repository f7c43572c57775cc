-- What learnt withdrawn words is not promoted and not rolled back to: consent itself is looked at here, besides the marks,
-- of every run that made this very adapter. Only a roll-back waiver of two people brings it back.
CREATE OR REPLACE FUNCTION serving_refuse_withdrawn_learners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted serving_release%ROWTYPE;
    datasets bigint[];
BEGIN
    SELECT ARRAY(
        SELECT DISTINCT r.dataset_id FROM training_run r JOIN serving_release v ON v.id = NEW.release_id
        WHERE r.id = v.run_id OR r.state = 'finished' AND r.adapter_sha256 = v.model_sha256 ORDER BY 1
    ) INTO datasets;
    PERFORM curation_hold_consent(d) FROM unnest(datasets) AS d;
    SELECT * INTO wanted FROM serving_release WHERE id = NEW.release_id;
    IF wanted.learnt_from_withdrawn_at IS NOT NULL OR EXISTS (
        SELECT FROM unnest(datasets) AS d WHERE curation_withdrawn_rows(d) > 0) THEN
        RAISE EXCEPTION 'release v% learnt from rows whose consent was withdrawn since', wanted.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER refuse_withdrawn_learners BEFORE INSERT ON serving_promotion
    FOR EACH ROW WHEN (NEW.reason IN ('promoted', 'rolled_back') AND NEW.roll_back_waiver_id IS NULL)
    EXECUTE FUNCTION serving_refuse_withdrawn_learners();
