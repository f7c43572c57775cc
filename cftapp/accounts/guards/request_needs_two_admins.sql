-- An admin asks, another one confirms, and nobody confirms what is for themselves (two constraints of the table). A role
-- is given here, when it is confirmed: no login of a process can do so by itself. Without anybody who asked it was the
-- owner, on the command line, whom nothing binds. Times are those that it is.
CREATE OR REPLACE FUNCTION accounts_is_admin(account bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM auth_user u
        LEFT JOIN auth_user_groups m ON m.user_id = u.id LEFT JOIN auth_group g ON g.id = m.group_id
        WHERE u.id = account AND u.is_active AND (u.is_superuser OR g.name = 'admin'))
$$;

CREATE OR REPLACE FUNCTION accounts_guard_request() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gives boolean := NEW.state = 'confirmed' AND (TG_OP = 'INSERT' OR OLD.state <> 'confirmed');
BEGIN
    IF NEW.asked_by_id IS NULL AND session_user <> current_user THEN
        RAISE EXCEPTION 'a request says which admin asks' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.asked_by_id IS NOT NULL AND TG_OP = 'INSERT' AND NEW.state <> 'requested' THEN
        RAISE EXCEPTION 'a request begins as requested, not as %', NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.asked_by_id IS NOT NULL AND (TG_OP = 'INSERT' OR gives) AND NOT accounts_is_admin(NEW.asked_by_id) THEN
        RAISE EXCEPTION 'request: an admin asks' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.asked_at := now();
    ELSIF to_jsonb(NEW) - '{state,answered_by_id,answered_at,used_at}'::text[]
          <> to_jsonb(OLD) - '{state,answered_by_id,answered_at,used_at}'::text[] THEN
        RAISE EXCEPTION 'request %: what is asked, for whom and by whom is fixed', OLD.id
            USING ERRCODE = 'restrict_violation';
    ELSIF OLD.state = NEW.state AND OLD.state = 'confirmed' THEN
        IF OLD.used_at IS NOT NULL OR NEW.used_at IS NULL OR OLD.answered_at <= now() - interval '1 day'
           OR (NEW.answered_by_id, NEW.answered_at) IS DISTINCT FROM (OLD.answered_by_id, OLD.answered_at) THEN
            RAISE EXCEPTION 'request %: a link is used once, within a day', OLD.id USING ERRCODE = 'restrict_violation';
        END IF;
        NEW.used_at := now();
    ELSIF OLD.state <> 'requested' THEN
        RAISE EXCEPTION 'request %: % does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.state = 'withdrawn' AND NEW.answered_by_id <> OLD.asked_by_id
          OR NEW.state <> 'withdrawn' AND NOT accounts_is_admin(NEW.answered_by_id) THEN
        RAISE EXCEPTION 'request %: a second admin answers it, who asked may take it back', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> 'requested' AND (TG_OP = 'INSERT' OR OLD.state = 'requested') THEN
        NEW.answered_at := now();
    END IF;
    IF gives AND NOT EXISTS (SELECT FROM auth_user WHERE id = NEW.account_id AND is_active) THEN
        RAISE EXCEPTION 'request: account % is closed', NEW.account_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF gives AND NEW.wanted <> 'link' THEN
        INSERT INTO auth_user_groups (user_id, group_id)
        VALUES (NEW.account_id, (SELECT id FROM auth_group WHERE name = NEW.wanted)) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER accounts_guard_request BEFORE INSERT OR UPDATE ON accounts_request
    FOR EACH ROW EXECUTE FUNCTION accounts_guard_request();
