-- The versions of the screening policy follow each other without a gap.
CREATE OR REPLACE FUNCTION curation_guard_policy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.version <> 1 + coalesce((SELECT max(version) FROM curation_screeningpolicy), 0) THEN
        RAISE EXCEPTION 'policy %: versions follow each other', NEW.version USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_policy BEFORE INSERT ON curation_screeningpolicy
    FOR EACH ROW EXECUTE FUNCTION curation_guard_policy();
