-- What a run was asked never changes and its answer is final; marks of what became of its dataset are added to it.
CREATE OR REPLACE FUNCTION training_guard_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    marks text[] := ARRAY['learnt_from_withdrawn_at', 'contamination'];
BEGIN
    IF OLD.state = 'finished' AND to_jsonb(NEW) - marks <> to_jsonb(OLD) - marks THEN
        RAISE EXCEPTION 'run % is finished: its record is final', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.dataset_id, NEW.recipe, NEW.base_model, NEW.base_sha256, NEW.seed, NEW.folder, NEW.created_by_id)
       IS DISTINCT FROM
       (OLD.dataset_id, OLD.recipe, OLD.base_model, OLD.base_sha256, OLD.seed, OLD.folder, OLD.created_by_id) THEN
        RAISE EXCEPTION 'run %: what decides the result is fixed when it is queued; queue another run', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.fencing_token < OLD.fencing_token THEN
        RAISE EXCEPTION 'run %: fencing token % is older than %', OLD.id, NEW.fencing_token, OLD.fencing_token
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('queued', 'running'), ('queued', 'stopped'), ('queued', 'failed'),
        ('running', 'queued'), ('running', 'stopped'), ('running', 'failed'), ('running', 'finished'),
        ('stopped', 'queued'), ('failed', 'queued')) THEN
        RAISE EXCEPTION 'run %: % does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER training_guard_run BEFORE UPDATE ON training_run
    FOR EACH ROW EXECUTE FUNCTION training_guard_run();
