-- A source of one brand or customer has no interaction of another, and no key that posts for another.
CREATE OR REPLACE FUNCTION feedback_check_tenant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    of_source text;
BEGIN
    SELECT tenant INTO of_source FROM feedback_source WHERE id = NEW.source_id;
    IF of_source <> '' AND NEW.tenant <> of_source
       AND NOT (TG_TABLE_NAME = 'feedback_apikey' AND NEW.tenant = '') THEN
        RAISE EXCEPTION 'a source of the tenant % has no row of %', of_source, coalesce(nullif(NEW.tenant, ''), 'none')
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER source_decides_tenant BEFORE INSERT ON feedback_interaction
    FOR EACH ROW EXECUTE FUNCTION feedback_check_tenant();
CREATE OR REPLACE TRIGGER key_is_of_its_sources_tenant BEFORE INSERT ON feedback_apikey
    FOR EACH ROW EXECUTE FUNCTION feedback_check_tenant();
