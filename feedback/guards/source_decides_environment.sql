-- A source that is not of production has no rows from production, whatever a row says.
CREATE OR REPLACE FUNCTION feedback_check_environment() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    of_source text;
BEGIN
    SELECT environment INTO of_source FROM feedback_source WHERE id = NEW.source_id;
    IF of_source IS DISTINCT FROM 'production' THEN
        RAISE EXCEPTION 'a source of % has no interaction of production', of_source USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER source_decides_environment BEFORE INSERT ON feedback_interaction
    FOR EACH ROW WHEN (NEW.environment = 'production') EXECUTE FUNCTION feedback_check_environment();
