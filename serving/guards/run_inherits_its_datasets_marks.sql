-- A run that starts from a marked dataset is born marked.
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
CREATE OR REPLACE TRIGGER inherit_mark BEFORE INSERT ON training_run FOR EACH ROW EXECUTE FUNCTION serving_mark_run();
