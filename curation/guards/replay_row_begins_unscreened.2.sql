-- A replay row trains like a pair does, so it meets rules like a pair's: it begins unscreened, and its words are fixed.
CREATE OR REPLACE FUNCTION curation_guard_replay_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.skill, NEW.is_refusal, NEW.prompt, NEW.answer, NEW.conversation, NEW.answer_message,
            NEW.row_hash) IS DISTINCT FROM
           (OLD.id, OLD.skill, OLD.is_refusal, OLD.prompt, OLD.answer, OLD.conversation, OLD.answer_message,
            OLD.row_hash) THEN
            RAISE EXCEPTION 'replay row %: its words are fixed', OLD.id USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.screened_epoch IS NOT NULL OR NEW.overlaps THEN
        RAISE EXCEPTION 'a replay row begins unscreened: only the screener says that it is clean'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.row_hash <> (CASE
        WHEN concat(NEW.conversation, NEW.answer_message) = '' THEN curation_row_hash(NEW.prompt, NEW.answer, '')
        ELSE curation_row_hash(NEW.prompt, NEW.answer, '', NEW.conversation, NEW.answer_message, '')
    END) THEN
        RAISE EXCEPTION 'replay row: its hash is not that of its words' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_replay_row BEFORE INSERT OR UPDATE ON curation_replayrow
    FOR EACH ROW EXECUTE FUNCTION curation_guard_replay_row();
