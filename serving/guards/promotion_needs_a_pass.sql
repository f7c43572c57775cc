-- Nothing ships that the gate did not pass: a promotion names the champion it replaces and a gate that compared this
-- very release with it and says PASS, or a waiver that a second person confirmed. A rollback goes to a former champion.
CREATE OR REPLACE FUNCTION serving_check_gate(
    wanted_run bigint, champion_run bigint, wanted_gate bigint, wanted_waiver bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gate evaluation_gate%ROWTYPE;
BEGIN
    SELECT * INTO gate FROM evaluation_gate WHERE id = wanted_gate;
    IF gate.id IS NULL OR wanted_run IS NULL OR gate.run_id <> wanted_run THEN
        RAISE EXCEPTION 'gate % did not examine this release', wanted_gate USING ERRCODE = 'check_violation';
    END IF;
    IF wanted_waiver IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM evaluation_waiver WHERE id = wanted_waiver AND gate_id = gate.id
                       AND confirmed_at IS NOT NULL AND confirmed_by_id <> requested_by_id) THEN
            RAISE EXCEPTION 'waiver % is not confirmed by a second person for gate %', wanted_waiver, gate.id
                USING ERRCODE = 'check_violation';
        END IF;
    ELSIF gate.state <> 'finished' OR gate.verdict <> 'PASS' THEN
        RAISE EXCEPTION 'gate % says %, not PASS', gate.id, coalesce(nullif(gate.verdict, ''), gate.state)
            USING ERRCODE = 'check_violation';
    ELSIF gate.champion_run_id IS DISTINCT FROM champion_run THEN
        RAISE EXCEPTION 'gate % compared with another champion than the one that serves now', gate.id
            USING ERRCODE = 'check_violation';
    END IF;
END $$;
REVOKE ALL ON FUNCTION serving_check_gate(bigint, bigint, bigint, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION serving_guard_promotion() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    champion serving_promotion%ROWTYPE;
    wanted serving_release%ROWTYPE;
    champion_run bigint;
BEGIN
    -- One promotion at a time; the statements below see what the one before has committed.
    PERFORM pg_advisory_xact_lock(hashtextextended('serving_promotion', 0));
    SELECT * INTO champion FROM serving_promotion ORDER BY id DESC LIMIT 1;
    IF NEW.replaced_id IS DISTINCT FROM champion.id THEN
        RAISE EXCEPTION 'the champion changed meanwhile: the newest promotion is %, not %',
            coalesce(champion.id::text, 'none'), coalesce(NEW.replaced_id::text, 'none')
            USING ERRCODE = 'serialization_failure';
    END IF;
    NEW.id := coalesce(champion.id, 0) + 1;
    SELECT * INTO wanted FROM serving_release WHERE id = NEW.release_id;
    IF champion.release_id = NEW.release_id THEN
        RAISE EXCEPTION 'release v% is the champion already', wanted.number USING ERRCODE = 'check_violation';
    END IF;

    IF NEW.reason = 'installed' THEN
        IF champion.id IS NOT NULL OR wanted.run_id IS NOT NULL THEN
            RAISE EXCEPTION 'only the base model is installed, and only once' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.reason = 'rolled_back' THEN
        IF NOT EXISTS (SELECT FROM serving_promotion WHERE release_id = NEW.release_id) THEN
            RAISE EXCEPTION 'release v% was never the champion: nothing to roll back to', wanted.number
                USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.reason = 'promoted' THEN
        SELECT run_id INTO champion_run FROM serving_release WHERE id = champion.release_id;
        PERFORM serving_check_gate(wanted.run_id, champion_run, NEW.gate_id, NEW.waiver_id);
    ELSE
        RAISE EXCEPTION 'unknown reason %', NEW.reason USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER guard_promotion BEFORE INSERT ON serving_promotion
    FOR EACH ROW EXECUTE FUNCTION serving_guard_promotion();
