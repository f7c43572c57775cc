-- Every row is checked again as it is frozen: consent and epoch of today, not of the day it was accepted.
CREATE OR REPLACE FUNCTION curation_guard_frozen_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    bad record;
    today integer := curation_current_epoch();
BEGIN
    SELECT f.position, p.id INTO bad
    FROM fresh f
    LEFT JOIN curation_pair p ON p.id = f.pair_id
    LEFT JOIN curation_case k ON k.correction_id = p.correction_id
    LEFT JOIN curation_replayrow r ON r.id = f.replay_row_id
    JOIN curation_dataset d ON d.id = f.dataset_id
    WHERE coalesce(
        f.position >= d.pair_count + d.replay_count
        OR d.epoch IS DISTINCT FROM today
        OR (p.id IS NULL AND r.id IS NULL)
        OR (p.id IS NOT NULL AND NOT (
            p.state = 'accepted' AND p.row_hash = f.row_hash
            AND p.screened_epoch = today AND k.screened_epoch = today
            AND NOT EXISTS (SELECT FROM curation_blocker b WHERE b.case_id = k.id
                            AND b.blocking AND NOT curation_covered(b.case_id, b.check_name::text))))
        OR (r.id IS NOT NULL AND NOT (r.screened_epoch = today AND NOT r.overlaps AND r.row_hash = f.row_hash)),
        true)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'dataset row %: not accepted, or not clean under epoch %', bad.position, today
            USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM hold_consent(ARRAY(SELECT DISTINCT p.subject_id FROM fresh f JOIN curation_pair p ON p.id = f.pair_id));
    SELECT s.subject_id INTO bad
    FROM (SELECT DISTINCT p.subject_id FROM fresh f JOIN curation_pair p ON p.id = f.pair_id) s
    WHERE NOT coalesce(consent_in_force(s.subject_id, 'training', clock_timestamp()), false)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'dataset: subject % has not consented to training', bad.subject_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_frozen_rows AFTER INSERT ON curation_datasetrow
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION curation_guard_frozen_rows();
