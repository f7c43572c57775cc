-- An inquiry begins unanswered, whoever writes it; only the screener may answer.
CREATE OR REPLACE FUNCTION curation_guard_inquiry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'waiting' THEN
        RAISE EXCEPTION 'an inquiry begins as waiting, not as %', NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_inquiry BEFORE INSERT ON curation_inquiry
    FOR EACH ROW EXECUTE FUNCTION curation_guard_inquiry();
