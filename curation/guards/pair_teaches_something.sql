-- A pair's two answers differ: a lesson that rejects what it teaches is none. Screening compares them more closely.
CREATE OR REPLACE FUNCTION curation_guard_pair_teaches() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF btrim(NEW.chosen, E' \t\r\n') = btrim(NEW.rejected, E' \t\r\n') THEN
        RAISE EXCEPTION 'pair: the replacement of correction % is the answer itself', NEW.correction_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_pair_teaches BEFORE INSERT OR UPDATE OF state ON curation_pair
    FOR EACH ROW WHEN (NEW.state = 'accepted') EXECUTE FUNCTION curation_guard_pair_teaches();
