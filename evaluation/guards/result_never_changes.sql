-- A result is about a version that its gate pinned, and never changes.
CREATE OR REPLACE TRIGGER result_is_immutable BEFORE UPDATE OR DELETE ON evaluation_gateresult
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a result never changes');
CREATE OR REPLACE TRIGGER results_are_kept BEFORE TRUNCATE ON evaluation_gateresult
    FOR EACH STATEMENT EXECUTE FUNCTION evaluation_refuse('results stay');

ALTER TABLE evaluation_gateresult
    DROP CONSTRAINT IF EXISTS result_is_about_a_pinned_version,
    ADD CONSTRAINT result_is_about_a_pinned_version
        FOREIGN KEY (gate_id, version_id) REFERENCES evaluation_gate_versions (gate_id, benchmarkversion_id);
