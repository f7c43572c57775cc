-- Whoever may ask for a gate may not write its verdict, not even one that a waiver could lift. Once given it stays, but
-- for the mark that its candidate learnt an exam; so do candidate, champion and anchor, and the gate itself.
CREATE OR REPLACE TRIGGER gate_begins_queued BEFORE INSERT ON evaluation_gate
    FOR EACH ROW WHEN (NEW.state <> 'queued' OR NEW.verdict <> '' OR NEW.fencing_token <> 0)
    EXECUTE FUNCTION evaluation_refuse('a gate begins as queued, the evaluator gives the verdict');
CREATE OR REPLACE TRIGGER gate_keeps_its_contestants BEFORE UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (OLD.run_id <> NEW.run_id OR OLD.champion_run_id IS DISTINCT FROM NEW.champion_run_id
                       OR OLD.anchor_run_id IS DISTINCT FROM NEW.anchor_run_id)
    EXECUTE FUNCTION evaluation_refuse('candidate, champion and anchor are pinned when the gate is queued');
CREATE OR REPLACE TRIGGER verdict_is_final BEFORE UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (OLD.verdict <> '' AND to_jsonb(NEW) - 'contamination' <> to_jsonb(OLD) - 'contamination')
    EXECUTE FUNCTION evaluation_refuse('a verdict never changes, queue another gate');
CREATE OR REPLACE TRIGGER gate_is_kept BEFORE DELETE ON evaluation_gate
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a gate stays');
CREATE OR REPLACE TRIGGER gates_are_kept BEFORE TRUNCATE ON evaluation_gate
    FOR EACH STATEMENT EXECUTE FUNCTION evaluation_refuse('gates stay');
