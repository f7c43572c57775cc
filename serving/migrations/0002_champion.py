"""Nothing ships that the gate did not pass: the rules of a promotion, kept by PostgreSQL whoever writes the row.

The functions are SECURITY DEFINER with a fixed search path (temporary tables last), so that a role cannot put a gate
of its own making in front of the real one.
"""

from django.db import migrations

PROMOTION = """
CREATE FUNCTION serving_guard_promotion() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    champion serving_promotion%ROWTYPE;
    wanted serving_release%ROWTYPE;
    champion_run bigint;
BEGIN
    -- One promotion at a time; the statements below see what the one before has committed.
    PERFORM pg_advisory_xact_lock(hashtext('serving_promotion'));
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

CREATE FUNCTION serving_check_gate(wanted_run bigint, champion_run bigint, wanted_gate bigint, wanted_waiver bigint)
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

CREATE FUNCTION serving_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of the champion is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER guard_promotion BEFORE INSERT ON serving_promotion
    FOR EACH ROW EXECUTE FUNCTION serving_guard_promotion();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON serving_promotion
    FOR EACH ROW EXECUTE FUNCTION serving_deny();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON serving_promotion
    FOR EACH STATEMENT EXECUTE FUNCTION serving_deny();
"""

RELEASE = """
CREATE FUNCTION serving_guard_release() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    run training_run%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'learnt_from_withdrawn_at' <> to_jsonb(OLD) - 'learnt_from_withdrawn_at'
           OR (OLD.learnt_from_withdrawn_at IS NOT NULL AND NEW.learnt_from_withdrawn_at IS NULL) THEN
            RAISE EXCEPTION 'release v% is content-addressed: it is marked, never changed', OLD.number
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.run_id IS NOT NULL THEN
        SELECT * INTO run FROM training_run WHERE id = NEW.run_id;
        IF run.state <> 'finished' OR run.adapter_sha256 <> NEW.model_sha256 THEN
            RAISE EXCEPTION 'a release is the adapter of its finished run, byte for byte'
                USING ERRCODE = 'check_violation';
        END IF;
        NEW.learnt_from_withdrawn_at := coalesce(NEW.learnt_from_withdrawn_at, run.learnt_from_withdrawn_at);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard_release BEFORE INSERT OR UPDATE ON serving_release
    FOR EACH ROW EXECUTE FUNCTION serving_guard_release();

CREATE FUNCTION serving_mark_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.learnt_from_withdrawn_at := coalesce(
        NEW.learnt_from_withdrawn_at,
        (SELECT learnt_from_withdrawn_at FROM curation_dataset WHERE id = NEW.dataset_id));
    RETURN NEW;
END $$;

CREATE TRIGGER inherit_mark BEFORE INSERT ON training_run FOR EACH ROW EXECUTE FUNCTION serving_mark_run();
"""

UNDO = """
DROP TRIGGER inherit_mark ON training_run;
DROP FUNCTION serving_mark_run();
DROP TRIGGER guard_release ON serving_release;
DROP FUNCTION serving_guard_release();
DROP TRIGGER append_only_table ON serving_promotion;
DROP TRIGGER append_only_rows ON serving_promotion;
DROP TRIGGER guard_promotion ON serving_promotion;
DROP FUNCTION serving_deny();
DROP FUNCTION serving_guard_promotion();
DROP FUNCTION serving_check_gate(bigint, bigint, bigint, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0001_initial"),
        ("curation", "0001_initial"),
        ("evaluation", "0001_initial"),
        ("training", "0001_initial"),
    ]

    operations = [migrations.RunSQL(PROMOTION + RELEASE, UNDO)]
