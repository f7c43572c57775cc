-- Feedback on a held-out interaction belongs in the vault: a table of lessons refuses it.
CREATE OR REPLACE FUNCTION feedback_refuse_held_out() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    actual_lane text;
BEGIN
    SELECT lane INTO actual_lane FROM feedback_interaction WHERE id = NEW.interaction_id;
    IF actual_lane IS DISTINCT FROM 'training' THEN
        RAISE EXCEPTION 'feedback on a held-out interaction belongs in the vault: % refuses interaction %',
            TG_TABLE_NAME, NEW.interaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER training_lane_only BEFORE INSERT ON feedback_bugreport
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_held_out();
CREATE OR REPLACE TRIGGER training_lane_only BEFORE INSERT ON feedback_tastenote
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_held_out();
CREATE OR REPLACE TRIGGER training_lane_only BEFORE INSERT ON feedback_correction
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_held_out();
CREATE OR REPLACE TRIGGER training_lane_only BEFORE INSERT ON feedback_comment
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_held_out();
