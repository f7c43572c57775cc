-- A bug report stands on the bug list from the moment it is there, whoever writes it; no bug leaves the list or becomes
-- another's.
CREATE OR REPLACE FUNCTION feedback_list_bug() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO feedback_bug (receipt_id) VALUES (NEW.id) ON CONFLICT (receipt_id) DO NOTHING;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER feedback_list_bug AFTER INSERT ON feedback_bugreport
    FOR EACH ROW EXECUTE FUNCTION feedback_list_bug();
CREATE OR REPLACE FUNCTION feedback_guard_bug() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'bug % stays on the list: give it another state', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.receipt_id, NEW.opened_at) IS DISTINCT FROM (OLD.id, OLD.receipt_id, OLD.opened_at) THEN
        RAISE EXCEPTION 'bug %: what it is about never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER feedback_guard_bug BEFORE UPDATE OR DELETE ON feedback_bug
    FOR EACH ROW EXECUTE FUNCTION feedback_guard_bug();
