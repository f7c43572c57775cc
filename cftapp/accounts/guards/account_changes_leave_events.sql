-- Whatever changes in an account, in its roles or its rights leaves an event of the same transaction, that an action
-- records. What the owner changes by other means (createsuperuser, changepassword, a statement) is recorded here, with
-- the login that did it; what a process changes without an event is refused. So is a password that another person sets,
-- and a superuser or member of staff that is not made on the command line.
CREATE OR REPLACE FUNCTION accounts_leave_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    was jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) - 'last_login' END;
    now_is jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) - 'last_login' END;
    account text := (was || now_is)->>CASE TG_TABLE_NAME WHEN 'auth_user' THEN 'id' ELSE 'user_id' END;
    bound boolean := session_user <> current_user;
    new_password boolean := was->>'password' IS DISTINCT FROM now_is->>'password' AND now_is->>'password' NOT LIKE '!%';
BEGIN
    IF was = now_is THEN
        RETURN NULL;
    END IF;
    IF bound AND ((now_is->>'is_superuser')::boolean AND NOT coalesce((was->>'is_superuser')::boolean, false)
                  OR (now_is->>'is_staff')::boolean AND NOT coalesce((was->>'is_staff')::boolean, false)) THEN
        RAISE EXCEPTION 'account %: superusers are made by the owner, on the command line', account
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (
        SELECT FROM audit_event e JOIN audit_edge g ON g.event_id = e.id
        WHERE e.transaction_id = pg_current_xact_id()::text::bigint AND g.kind = 'account' AND g.object_id = account
          AND e.name LIKE 'account.%' AND e.name <> 'account.changed'
          AND (NOT bound OR new_password IS NOT TRUE OR e.actor = 'user:' || account)) THEN
        RETURN NULL;
    END IF;
    IF bound THEN
        RAISE EXCEPTION 'account %: % in % leaves no event%', account, TG_OP, TG_TABLE_NAME,
            CASE WHEN new_password THEN ' of its holder, who alone sets its password' ELSE '' END
            USING ERRCODE = 'insufficient_privilege', HINT = 'cftapp/accounts/actions.py has the actions.';
    END IF;
    PERFORM audit_append(convert_to(jsonb_build_object(
        'name', 'account.changed', 'actor', 'process:owner', 'generated', '[]'::jsonb,
        'used', jsonb_build_array(jsonb_build_array('account', account)),
        'detail', jsonb_strip_nulls(jsonb_build_object(
            'login', session_user, 'operation', TG_OP, 'table', TG_TABLE_NAME,
            'superuser', now_is->'is_superuser', 'open', now_is->'is_active',
            'role', (SELECT name FROM auth_group WHERE id = ((was || now_is)->>'group_id')::integer),
            'columns', (SELECT jsonb_agg(key ORDER BY key) FROM jsonb_each(was || now_is)
                        WHERE was->key IS DISTINCT FROM now_is->key))))::text, 'UTF8'));
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS accounts_leave_event ON auth_user;
CREATE CONSTRAINT TRIGGER accounts_leave_event AFTER INSERT OR UPDATE OR DELETE ON auth_user
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts_leave_event();
DROP TRIGGER IF EXISTS accounts_leave_event ON auth_user_groups;
CREATE CONSTRAINT TRIGGER accounts_leave_event AFTER INSERT OR UPDATE OR DELETE ON auth_user_groups
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts_leave_event();
DROP TRIGGER IF EXISTS accounts_leave_event ON auth_user_user_permissions;
CREATE CONSTRAINT TRIGGER accounts_leave_event AFTER INSERT OR UPDATE OR DELETE ON auth_user_user_permissions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts_leave_event();
