"""What was published, pinned or judged does not change, and PASS means what it says: PostgreSQL refuses the rest."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION evaluation_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION evaluation_pin_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM evaluation_gate WHERE id = NEW.gate_id AND state = 'queued' AND fencing_token = 0) THEN
        RAISE EXCEPTION 'gate % was already claimed: its benchmark versions are pinned when it is queued', NEW.gate_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION evaluation_check_pass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(DISTINCT benchmark.kind)
          FROM evaluation_gate_versions AS pinned
          JOIN evaluation_benchmarkversion AS version ON version.id = pinned.benchmarkversion_id
          JOIN evaluation_benchmark AS benchmark ON benchmark.id = version.benchmark_id
         WHERE pinned.gate_id = NEW.id) < 3
       OR EXISTS (SELECT 1 FROM evaluation_gateresult AS result WHERE result.gate_id = NEW.id AND result.verdict <> 'PASS')
       OR EXISTS (SELECT 1 FROM evaluation_gate_versions AS pinned
                   WHERE pinned.gate_id = NEW.id
                     AND NOT EXISTS (SELECT 1 FROM evaluation_gateresult AS result
                                      WHERE result.gate_id = NEW.id AND result.version_id = pinned.benchmarkversion_id
                                        AND result.opponent = 'champion'))
    THEN
        RAISE EXCEPTION 'gate % cannot be PASS: every pinned version of all three kinds needs a PASS', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION evaluation_check_waiver() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM evaluation_gate WHERE id = NEW.gate_id AND verdict IN ('FAIL', 'INCONCLUSIVE')) THEN
        RAISE EXCEPTION 'gate % needs no waiver or has no verdict yet', NEW.gate_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER version_is_immutable BEFORE UPDATE OR DELETE ON evaluation_benchmarkversion
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a published version never changes, publish another');
CREATE TRIGGER benchmark_is_kept BEFORE DELETE ON evaluation_benchmark
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a benchmark stays');
CREATE TRIGGER benchmark_keeps_its_kind BEFORE UPDATE ON evaluation_benchmark
    FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind OR OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION evaluation_refuse('name and kind of a benchmark never change');
CREATE TRIGGER result_is_immutable BEFORE UPDATE OR DELETE ON evaluation_gateresult
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a result never changes');
CREATE TRIGGER pin_is_immutable BEFORE UPDATE OR DELETE ON evaluation_gate_versions
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('pinned versions stay pinned');
CREATE TRIGGER pin_before_claim BEFORE INSERT ON evaluation_gate_versions
    FOR EACH ROW EXECUTE FUNCTION evaluation_pin_once();
CREATE TRIGGER gate_is_kept BEFORE DELETE ON evaluation_gate
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a gate stays');
CREATE TRIGGER verdict_is_final BEFORE UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (OLD.verdict <> '')
    EXECUTE FUNCTION evaluation_refuse('a verdict never changes, queue another gate');
CREATE TRIGGER gate_keeps_its_contestants BEFORE UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (OLD.run_id <> NEW.run_id OR OLD.champion_run_id IS DISTINCT FROM NEW.champion_run_id
                       OR OLD.anchor_run_id IS DISTINCT FROM NEW.anchor_run_id)
    EXECUTE FUNCTION evaluation_refuse('candidate, champion and anchor are pinned when the gate is queued');
CREATE TRIGGER gate_passes_on_passes_only BEFORE INSERT OR UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (NEW.verdict = 'PASS') EXECUTE FUNCTION evaluation_check_pass();
CREATE TRIGGER waiver_needs_a_refused_gate BEFORE INSERT ON evaluation_waiver
    FOR EACH ROW EXECUTE FUNCTION evaluation_check_waiver();
CREATE TRIGGER waiver_is_kept BEFORE DELETE ON evaluation_waiver
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a waiver stays');
CREATE TRIGGER waiver_is_signed_once BEFORE UPDATE ON evaluation_waiver
    FOR EACH ROW WHEN (OLD.confirmed_by_id IS NOT NULL OR OLD.reason <> NEW.reason OR OLD.gate_id <> NEW.gate_id
                       OR OLD.requested_by_id <> NEW.requested_by_id)
    EXECUTE FUNCTION evaluation_refuse('only the second signature may be added, once');
CREATE TRIGGER versions_are_kept BEFORE TRUNCATE ON evaluation_benchmarkversion
    FOR EACH STATEMENT EXECUTE FUNCTION evaluation_refuse('published versions stay');
CREATE TRIGGER results_are_kept BEFORE TRUNCATE ON evaluation_gateresult
    FOR EACH STATEMENT EXECUTE FUNCTION evaluation_refuse('results stay');
CREATE TRIGGER gates_are_kept BEFORE TRUNCATE ON evaluation_gate
    FOR EACH STATEMENT EXECUTE FUNCTION evaluation_refuse('gates stay');
ALTER TABLE evaluation_gateresult ADD CONSTRAINT result_is_about_a_pinned_version
    FOREIGN KEY (gate_id, version_id) REFERENCES evaluation_gate_versions (gate_id, benchmarkversion_id);
"""

UNDO = """
ALTER TABLE evaluation_gateresult DROP CONSTRAINT result_is_about_a_pinned_version;
DROP FUNCTION evaluation_refuse() CASCADE;
DROP FUNCTION evaluation_pin_once() CASCADE;
DROP FUNCTION evaluation_check_pass() CASCADE;
DROP FUNCTION evaluation_check_waiver() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTIONS + TRIGGERS, UNDO)]
