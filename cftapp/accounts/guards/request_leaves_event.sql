-- Who asks, answers or uses a link says so in the log, in the same transaction and in their own name.
CREATE OR REPLACE FUNCTION accounts_request_leaves_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who bigint := CASE
        WHEN NEW.used_at IS NOT NULL THEN NEW.account_id ELSE coalesce(NEW.answered_by_id, NEW.asked_by_id) END;
BEGIN
    IF session_user <> current_user AND NOT EXISTS (
        SELECT FROM audit_event e JOIN audit_edge g ON g.event_id = e.id
        WHERE e.transaction_id = pg_current_xact_id()::text::bigint AND g.kind = 'account_request'
          AND g.object_id = NEW.id::text AND e.name LIKE 'account.%' AND e.actor = 'user:' || who) THEN
        RAISE EXCEPTION 'request %: it leaves no event of account %', NEW.id, who
            USING ERRCODE = 'insufficient_privilege', HINT = 'cftapp/accounts/actions.py has the actions.';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS accounts_request_leaves_event ON accounts_request;
CREATE CONSTRAINT TRIGGER accounts_request_leaves_event AFTER INSERT OR UPDATE ON accounts_request
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts_request_leaves_event();
