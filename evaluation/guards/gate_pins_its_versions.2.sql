-- A gate's benchmark versions are pinned while it is queued, before an evaluator has claimed it, and stay pinned.
CREATE OR REPLACE FUNCTION evaluation_pin_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM evaluation_gate WHERE id = NEW.gate_id AND state = 'queued' AND fencing_token = 0) THEN
        RAISE EXCEPTION 'gate % was already claimed: its benchmark versions are pinned when it is queued', NEW.gate_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER pin_before_claim BEFORE INSERT ON evaluation_gate_versions
    FOR EACH ROW EXECUTE FUNCTION evaluation_pin_once();
CREATE OR REPLACE TRIGGER pin_is_immutable BEFORE UPDATE OR DELETE ON evaluation_gate_versions
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('pinned versions stay pinned');
