-- A run is queued, prepared and finished only while every row of its dataset may be learnt: consent is looked at here, in
-- the same transaction, not by a worker later. What has begun meanwhile can still be stopped or put back.
CREATE OR REPLACE FUNCTION training_guard_consent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM curation_refuse_withdrawn(NEW.dataset_id);
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER run_is_queued_with_consent BEFORE INSERT ON training_run
    FOR EACH ROW EXECUTE FUNCTION training_guard_consent();
CREATE OR REPLACE TRIGGER run_is_prepared_with_consent BEFORE UPDATE OF manifest ON training_run
    FOR EACH ROW EXECUTE FUNCTION training_guard_consent();
CREATE OR REPLACE TRIGGER run_goes_on_with_consent BEFORE UPDATE OF state ON training_run
    FOR EACH ROW WHEN (OLD.state <> 'finished' AND NEW.state = 'finished'
                       OR OLD.state IN ('stopped', 'failed') AND NEW.state = 'queued')
    EXECUTE FUNCTION training_guard_consent();
