-- At the end of its transaction a dataset holds as many rows as it says, and at least one.
CREATE OR REPLACE FUNCTION curation_dataset_is_whole() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT count(*) FROM curation_datasetrow r WHERE r.dataset_id = NEW.id) <> NEW.pair_count + NEW.replay_count
       OR NEW.pair_count + NEW.replay_count = 0 THEN
        RAISE EXCEPTION 'dataset % does not hold the rows it counts', NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS curation_dataset_is_whole ON curation_dataset;
CREATE CONSTRAINT TRIGGER curation_dataset_is_whole AFTER INSERT ON curation_dataset
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION curation_dataset_is_whole();
