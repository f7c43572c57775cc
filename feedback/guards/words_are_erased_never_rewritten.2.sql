-- Words may be erased (the columns that a trigger names, to ''), never rewritten; who said what, where and when never
-- changes.
CREATE OR REPLACE FUNCTION feedback_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rewritten text;
BEGIN
    SELECT string_agg(key, ', ') INTO rewritten
    FROM jsonb_each_text(to_jsonb(NEW)) AS new_row (key, value)
    JOIN jsonb_each_text(to_jsonb(OLD)) AS old_row (key, value) USING (key)
    WHERE new_row.value IS DISTINCT FROM old_row.value AND NOT (key = ANY (TG_ARGV) AND new_row.value = '');
    IF rewritten IS NOT NULL THEN
        RAISE EXCEPTION '% may be erased, never rewritten: % is refused', TG_TABLE_NAME, rewritten
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER interaction_is_erased_only BEFORE UPDATE ON feedback_interaction
    FOR EACH ROW EXECUTE FUNCTION feedback_erase_only('prompt', 'answer', 'conversation', 'answer_message', 'external_id');
CREATE OR REPLACE TRIGGER words_are_erased_only BEFORE UPDATE ON feedback_bugreport
    FOR EACH ROW EXECUTE FUNCTION feedback_erase_only('note', 'what_happened', 'expected');
CREATE OR REPLACE TRIGGER words_are_erased_only BEFORE UPDATE ON feedback_tastenote
    FOR EACH ROW EXECUTE FUNCTION feedback_erase_only('note', 'preference');
CREATE OR REPLACE TRIGGER words_are_erased_only BEFORE UPDATE ON feedback_correction
    FOR EACH ROW EXECUTE FUNCTION feedback_erase_only('note', 'replacement', 'replacement_message');
CREATE OR REPLACE TRIGGER words_are_erased_only BEFORE UPDATE ON feedback_comment
    FOR EACH ROW EXECUTE FUNCTION feedback_erase_only('note', 'text');
