-- PASS means what it says: versions of all three kinds are pinned, each was compared with the champion, and every
-- result is PASS.
CREATE OR REPLACE FUNCTION evaluation_check_pass() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT count(DISTINCT benchmark.kind)
          FROM evaluation_gate_versions AS pinned
          JOIN evaluation_benchmarkversion AS version ON version.id = pinned.benchmarkversion_id
          JOIN evaluation_benchmark AS benchmark ON benchmark.id = version.benchmark_id
         WHERE pinned.gate_id = NEW.id) < 3
       OR EXISTS (SELECT 1 FROM evaluation_gateresult AS result
                   WHERE result.gate_id = NEW.id AND result.verdict <> 'PASS')
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
CREATE OR REPLACE TRIGGER gate_passes_on_passes_only BEFORE INSERT OR UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (NEW.verdict = 'PASS') EXECUTE FUNCTION evaluation_check_pass();
