-- Whoever may ask for a run may not write its answer: a run begins as a question, and the trainer answers it.
CREATE OR REPLACE FUNCTION training_guard_new_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'queued' OR NEW.fencing_token <> 0 OR NEW.manifest IS NOT NULL OR NEW.manifest_sha256 <> ''
       OR NEW.adapter_sha256 <> '' OR NEW.result IS NOT NULL OR NEW.vault_refusal <> '' THEN
        RAISE EXCEPTION 'a run begins as queued, with nothing done yet, not as %', NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER training_guard_new_run BEFORE INSERT ON training_run
    FOR EACH ROW EXECUTE FUNCTION training_guard_new_run();
