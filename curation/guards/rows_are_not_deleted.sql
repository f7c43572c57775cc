-- An epoch is never changed; an epoch, a dataset, its rows and an override are never deleted.
CREATE OR REPLACE FUNCTION curation_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: rows are neither changed nor deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER curation_deny BEFORE UPDATE OR DELETE ON curation_registryepoch
    FOR EACH ROW EXECUTE FUNCTION curation_deny();
CREATE OR REPLACE TRIGGER curation_deny BEFORE DELETE ON curation_dataset
    FOR EACH ROW EXECUTE FUNCTION curation_deny();
CREATE OR REPLACE TRIGGER curation_deny BEFORE DELETE ON curation_datasetrow
    FOR EACH ROW EXECUTE FUNCTION curation_deny();
CREATE OR REPLACE TRIGGER curation_deny BEFORE DELETE ON curation_override
    FOR EACH ROW EXECUTE FUNCTION curation_deny();
