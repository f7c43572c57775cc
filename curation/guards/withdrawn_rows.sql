-- A dataset stays as it was frozen, and people change their minds: how many of its rows may not be learnt any more, because
-- the consent of their subject is not in force, or because they were erased, withdrawn or undone. A refusal that is to
-- hold until the end of its transaction holds the consents first.
CREATE OR REPLACE FUNCTION curation_hold_consent(frozen bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT hold_consent(ARRAY(
        SELECT DISTINCT p.subject_id FROM curation_datasetrow f JOIN curation_pair p ON p.id = f.pair_id
        WHERE f.dataset_id = frozen))
$$;

CREATE OR REPLACE FUNCTION curation_withdrawn_rows(frozen bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH held AS (
        SELECT f.pair_id, f.replay_row_id, p.state, p.subject_id
        FROM curation_datasetrow f LEFT JOIN curation_pair p ON p.id = f.pair_id WHERE f.dataset_id = frozen
    ), consenting AS (
        SELECT s.subject_id FROM (SELECT DISTINCT h.subject_id FROM held h WHERE h.pair_id IS NOT NULL) s
        WHERE consent_in_force(s.subject_id, 'training', clock_timestamp())
    )
    SELECT count(*) FROM held h LEFT JOIN consenting c ON c.subject_id = h.subject_id
    WHERE h.replay_row_id IS NULL AND (h.state IS DISTINCT FROM 'accepted' OR c.subject_id IS NULL)
$$;

CREATE OR REPLACE FUNCTION curation_refuse_withdrawn(frozen bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM curation_hold_consent(frozen);
    IF curation_withdrawn_rows(frozen) > 0
       OR EXISTS (SELECT FROM curation_dataset d WHERE d.id = frozen AND d.learnt_from_withdrawn_at IS NOT NULL) THEN
        RAISE EXCEPTION 'dataset %: rows of it were withdrawn or erased since it was frozen', frozen
            USING ERRCODE = 'restrict_violation';
    END IF;
END $$;
