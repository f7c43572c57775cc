-- A dataset never changes, but for the marks of what became of its rows. An erased row loses its reference, never its
-- place or its hash.
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
CREATE OR REPLACE TRIGGER curation_guard_dataset BEFORE UPDATE ON curation_dataset
    FOR EACH ROW EXECUTE FUNCTION curation_guard_dataset();

CREATE OR REPLACE FUNCTION curation_guard_dataset_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.dataset_id, NEW.position, NEW.row_hash) IS DISTINCT FROM
       (OLD.id, OLD.dataset_id, OLD.position, OLD.row_hash)
       OR (NEW.pair_id IS NOT NULL AND NEW.pair_id IS DISTINCT FROM OLD.pair_id)
       OR (NEW.replay_row_id IS NOT NULL AND NEW.replay_row_id IS DISTINCT FROM OLD.replay_row_id) THEN
        RAISE EXCEPTION 'dataset %: row % is frozen', OLD.dataset_id, OLD.position
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_dataset_row BEFORE UPDATE ON curation_datasetrow
    FOR EACH ROW EXECUTE FUNCTION curation_guard_dataset_row();
