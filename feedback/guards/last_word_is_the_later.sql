-- A grant that was given before the subject withdrew is not recorded after the withdrawal, however late it arrives. A
-- withdrawal that is not committed yet is waited for: it has the subject's row (`consent_is_held`).
CREATE OR REPLACE FUNCTION feedback_check_last_word() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    newest feedback_consententry;
BEGIN
    PERFORM FROM feedback_subject WHERE id = NEW.subject_id FOR SHARE;
    SELECT * INTO newest FROM feedback_consententry
    WHERE subject_id = NEW.subject_id AND purpose = NEW.purpose ORDER BY id DESC LIMIT 1;
    IF newest.decision = 'withdrawn' AND NEW.given_at <= newest.given_at THEN
        RAISE EXCEPTION 'subject % withdrew consent at %, after this grant was given', NEW.subject_id, newest.given_at
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER last_word_is_the_later BEFORE INSERT ON feedback_consententry
    FOR EACH ROW WHEN (NEW.decision = 'granted') EXECUTE FUNCTION feedback_check_last_word();
