-- A roll-back waiver names a former champion and the promotion that it ends, which is the newest one; an engineer or a lead
-- asks for it, a lead or compliance, another person, signs it once, and it counts for that one roll-back.
CREATE OR REPLACE FUNCTION serving_guard_roll_back_waiver() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.confirmed_by_id IS NOT NULL THEN
            RAISE EXCEPTION 'a waiver begins with one signature: another person confirms it later'
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT curation_holds_role(NEW.requested_by_id, 'engineer', 'lead') THEN
            RAISE EXCEPTION 'roll-back waiver: only an engineer or a lead asks for one' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.replaces_id IS DISTINCT FROM (SELECT max(id) FROM serving_promotion) THEN
            RAISE EXCEPTION 'the champion changed meanwhile: promotion % is not the newest', NEW.replaces_id
                USING ERRCODE = 'serialization_failure';
        END IF;
        IF NOT EXISTS (SELECT FROM serving_promotion WHERE release_id = NEW.release_id) THEN
            RAISE EXCEPTION 'release % was never the champion: nothing to roll back to', NEW.release_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.confirmed_by_id IS NOT NULL
       OR to_jsonb(NEW) - '{confirmed_by_id,confirmed_at}'::text[] <> to_jsonb(OLD) - '{confirmed_by_id,confirmed_at}'::text[] THEN
        RAISE EXCEPTION 'roll-back waiver %: only the second signature may be added, once', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT curation_holds_role(NEW.confirmed_by_id, 'lead', 'compliance') THEN
        RAISE EXCEPTION 'roll-back waiver %: a lead or compliance confirms it', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER guard_roll_back_waiver BEFORE INSERT OR UPDATE ON serving_rollbackwaiver
    FOR EACH ROW EXECUTE FUNCTION serving_guard_roll_back_waiver();
CREATE OR REPLACE TRIGGER roll_back_waivers_are_kept BEFORE DELETE ON serving_rollbackwaiver
    FOR EACH ROW EXECUTE FUNCTION serving_deny();
CREATE OR REPLACE TRIGGER no_roll_back_waiver_is_lost BEFORE TRUNCATE ON serving_rollbackwaiver
    FOR EACH STATEMENT EXECUTE FUNCTION serving_deny();

CREATE OR REPLACE FUNCTION serving_check_roll_back_waiver() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.reason <> 'rolled_back' OR NOT EXISTS (
        SELECT FROM serving_rollbackwaiver w WHERE w.id = NEW.roll_back_waiver_id AND w.release_id = NEW.release_id
        AND w.replaces_id = NEW.replaced_id AND w.confirmed_by_id <> w.requested_by_id) THEN
        RAISE EXCEPTION 'roll-back waiver % is not confirmed by a second person for this roll-back',
            NEW.roll_back_waiver_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER check_roll_back_waiver BEFORE INSERT ON serving_promotion
    FOR EACH ROW WHEN (NEW.roll_back_waiver_id IS NOT NULL) EXECUTE FUNCTION serving_check_roll_back_waiver();
