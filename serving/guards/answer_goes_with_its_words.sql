-- An answer that waits for a repetition goes with the words of its interaction: whatever changes that row erases it. Too
-- long an answer waits for nobody.
CREATE OR REPLACE FUNCTION serving_forget_answer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE serving_idempotentanswer SET answer = NULL WHERE interaction_id = NEW.id;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER answer_goes_with_its_words AFTER UPDATE ON feedback_interaction
    FOR EACH ROW EXECUTE FUNCTION serving_forget_answer();
ALTER TABLE serving_idempotentanswer
    DROP CONSTRAINT IF EXISTS answer_is_bounded,
    ADD CONSTRAINT answer_is_bounded CHECK (octet_length(answer) <= 1000000);
