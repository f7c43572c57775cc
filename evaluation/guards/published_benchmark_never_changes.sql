-- A benchmark keeps its name and kind, a published version keeps everything, and neither is removed.
CREATE OR REPLACE TRIGGER version_is_immutable BEFORE UPDATE OR DELETE ON evaluation_benchmarkversion
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a published version never changes, publish another');
CREATE OR REPLACE TRIGGER versions_are_kept BEFORE TRUNCATE ON evaluation_benchmarkversion
    FOR EACH STATEMENT EXECUTE FUNCTION evaluation_refuse('published versions stay');
CREATE OR REPLACE TRIGGER evaluation_refuse BEFORE UPDATE OR DELETE ON evaluation_weakitem
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a published version does not change');
CREATE OR REPLACE TRIGGER benchmark_is_kept BEFORE DELETE ON evaluation_benchmark
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a benchmark stays');
CREATE OR REPLACE TRIGGER benchmark_keeps_its_kind BEFORE UPDATE ON evaluation_benchmark
    FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind OR OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION evaluation_refuse('name and kind of a benchmark never change');
