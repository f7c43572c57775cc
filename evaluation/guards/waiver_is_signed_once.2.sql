-- A waiver is about a verdict that is not PASS, and begins with one signature; the second is added once, and nothing else
-- changes.
CREATE OR REPLACE FUNCTION evaluation_check_waiver() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM evaluation_gate WHERE id = NEW.gate_id AND verdict IN ('FAIL', 'INCONCLUSIVE')) THEN
        RAISE EXCEPTION 'gate % needs no waiver or has no verdict yet', NEW.gate_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.confirmed_by_id IS NOT NULL OR NEW.confirmed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a waiver begins with one signature: another person confirms it later'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER waiver_needs_a_refused_gate BEFORE INSERT ON evaluation_waiver
    FOR EACH ROW EXECUTE FUNCTION evaluation_check_waiver();
CREATE OR REPLACE TRIGGER waiver_is_signed_once BEFORE UPDATE ON evaluation_waiver
    FOR EACH ROW WHEN (OLD.confirmed_by_id IS NOT NULL OR OLD.reason <> NEW.reason OR OLD.gate_id <> NEW.gate_id
                       OR OLD.requested_by_id <> NEW.requested_by_id)
    EXECUTE FUNCTION evaluation_refuse('only the second signature may be added, once');
CREATE OR REPLACE TRIGGER waiver_is_kept BEFORE DELETE ON evaluation_waiver
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a waiver stays');
