-- What learnt rows that are part of an exam is not promoted and not rolled back to: no gate can be trusted about it. Only
-- a roll-back waiver of two people brings it back.
CREATE OR REPLACE FUNCTION serving_refuse_exam_learners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted serving_release%ROWTYPE;
BEGIN
    SELECT * INTO wanted FROM serving_release WHERE id = NEW.release_id;
    IF wanted.contamination IS NOT NULL OR EXISTS (
        SELECT FROM training_run r JOIN curation_contamination() c ON c.dataset_id = r.dataset_id
        WHERE r.id = wanted.run_id) THEN
        RAISE EXCEPTION 'release v% learnt rows that are part of an exam: no gate can be trusted about it',
            wanted.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER refuse_exam_learners BEFORE INSERT ON serving_promotion
    FOR EACH ROW WHEN (NEW.reason IN ('promoted', 'rolled_back') AND NEW.roll_back_waiver_id IS NULL)
    EXECUTE FUNCTION serving_refuse_exam_learners();
