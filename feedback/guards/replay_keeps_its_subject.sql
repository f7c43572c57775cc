-- A replay inherits the consent of the original, so it has the original's subject.
CREATE OR REPLACE FUNCTION feedback_check_replay() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    original_subject uuid;
BEGIN
    SELECT subject_id INTO original_subject FROM feedback_interaction WHERE id = NEW.replay_of_id;
    IF original_subject IS DISTINCT FROM NEW.subject_id THEN
        RAISE EXCEPTION 'a replay has its original''s subject: interaction % replays one of another subject', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER replay_keeps_its_subject BEFORE INSERT ON feedback_interaction
    FOR EACH ROW WHEN (NEW.replay_of_id IS NOT NULL) EXECUTE FUNCTION feedback_check_replay();
