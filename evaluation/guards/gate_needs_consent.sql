-- A gate is queued, and comes to a verdict, only while every row that its candidate learnt may be learnt.
CREATE OR REPLACE FUNCTION evaluation_guard_consent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM curation_refuse_withdrawn(dataset_id) FROM training_run WHERE id = NEW.run_id;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER gate_is_queued_with_consent BEFORE INSERT ON evaluation_gate
    FOR EACH ROW EXECUTE FUNCTION evaluation_guard_consent();
CREATE OR REPLACE TRIGGER verdict_needs_consent BEFORE UPDATE OF verdict ON evaluation_gate
    FOR EACH ROW WHEN (OLD.verdict = '' AND NEW.verdict <> '') EXECUTE FUNCTION evaluation_guard_consent();
