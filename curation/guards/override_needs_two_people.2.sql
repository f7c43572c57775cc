-- A reviewer or a lead asks for an override of what stops a case now, and a lead settles it. What it covers is written
-- down here, from the finding; a lead confirms as long as what stops the case now is part of it. (That these are two
-- people says a constraint of the table.)
CREATE OR REPLACE FUNCTION curation_holds_role(account bigint, VARIADIC roles text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM auth_user u
        LEFT JOIN auth_user_groups m ON m.user_id = u.id LEFT JOIN auth_group g ON g.id = m.group_id
        WHERE u.id = account AND u.is_active AND (u.is_superuser OR g.name = ANY (roles)))
$$;

CREATE OR REPLACE FUNCTION curation_guard_override() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    stopping record;
BEGIN
    SELECT b.check_name, b.score, b."limit", b.message, b.evidence, k.state, k.verdict, k.screened_epoch,
           curation_substance(b.check_name::text, b.evidence) AS substance,
           curation_found(b.check_name::text, b.evidence) AS found INTO stopping
        FROM curation_case k
        JOIN curation_blocker b ON b.case_id = k.id AND b.check_name = NEW.check_name AND b.blocking
        WHERE k.id = NEW.case_id;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'requested' THEN
            RAISE EXCEPTION 'an override begins as requested, not as %', NEW.state USING ERRCODE = 'restrict_violation';
        END IF;
        IF stopping.substance IS NULL THEN
            RAISE EXCEPTION 'case %: no % finding stops it that people may override', NEW.case_id, NEW.check_name
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF stopping.screened_epoch IS DISTINCT FROM curation_current_epoch()
           OR NOT (stopping.state = 'open' OR stopping.state = 'decided' AND stopping.verdict = 'accepted') THEN
            RAISE EXCEPTION 'case %: not open and screened under the current epoch', NEW.case_id
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NOT curation_holds_role(NEW.requested_by_id, 'reviewer', 'lead') THEN
            RAISE EXCEPTION 'override: only a reviewer or a lead asks for one' USING ERRCODE = 'restrict_violation';
        END IF;
        NEW.substance := stopping.substance;
        NEW.epoch := stopping.screened_epoch;
        NEW.finding := jsonb_build_object(
            'score', stopping.score, 'limit', stopping."limit", 'message', stopping.message,
            'evidence', stopping.evidence);
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - '{state,settled_by_id,settled_at,note}'::text[]
       <> to_jsonb(OLD) - '{state,settled_by_id,settled_at,note}'::text[] THEN
        RAISE EXCEPTION 'override %: what it covers, why and for whom is fixed', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.state, NEW.state) NOT IN (('requested', 'confirmed'), ('requested', 'declined'),
                                      ('requested', 'withdrawn'), ('confirmed', 'withdrawn')) THEN
        RAISE EXCEPTION 'override %: % does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT (curation_holds_role(NEW.settled_by_id, 'lead')
            OR NEW.state = 'withdrawn' AND OLD.state = 'requested' AND NEW.settled_by_id = OLD.requested_by_id) THEN
        RAISE EXCEPTION 'override %: a lead settles it', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'confirmed' AND ((stopping.found <@ curation_found(OLD.check_name::text, OLD.finding->'evidence'))
                                        IS NOT TRUE
                                    OR stopping.screened_epoch IS DISTINCT FROM curation_current_epoch()) THEN
        RAISE EXCEPTION 'override %: it is not what stops case % now', OLD.id, OLD.case_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_override BEFORE INSERT OR UPDATE ON curation_override
    FOR EACH ROW EXECUTE FUNCTION curation_guard_override();
