-- A pair is what a person wrote, word for word, with that person's consent in force; in the training lane, from
-- production, accepted by the reviewer it names, screened under the current epoch and not blocked. Its words are fixed.
CREATE OR REPLACE FUNCTION curation_guard_pair() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    correction record;
    origin record;
    reviewed record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.correction_id, NEW.subject_id, NEW.row_hash) IS DISTINCT FROM
           (OLD.id, OLD.correction_id, OLD.subject_id, OLD.row_hash)
           OR ((NEW.prompt, NEW.chosen, NEW.rejected, NEW.conversation, NEW.chosen_message, NEW.rejected_message)
               IS DISTINCT FROM
               (OLD.prompt, OLD.chosen, OLD.rejected, OLD.conversation, OLD.chosen_message, OLD.rejected_message)
               AND NOT (concat(NEW.prompt, NEW.chosen, NEW.rejected,
                               NEW.conversation, NEW.chosen_message, NEW.rejected_message) = ''
                        AND NEW.state <> 'accepted')) THEN
            RAISE EXCEPTION 'pair %: its words are fixed (they can only be erased, once it no longer trains)', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> 'accepted' OR OLD.state = 'accepted' THEN
            RETURN NEW;
        END IF;
    ELSIF NEW.state <> 'accepted' THEN
        RAISE EXCEPTION 'a pair begins as accepted, not as %', NEW.state USING ERRCODE = 'restrict_violation';
    END IF;

    SELECT c.replacement, c.replacement_message, i.id AS interaction_id, i.prompt, i.answer, i.conversation,
           i.answer_message, i.lane INTO correction
        FROM feedback_correction c JOIN feedback_interaction i ON i.id = c.interaction_id
        WHERE c.id = NEW.correction_id;
    SELECT * INTO origin FROM curation_origin(correction.interaction_id);
    SELECT k.id, k.state, k.verdict, k.screened_epoch, k.subject_id, k.decided_by_id INTO reviewed
        FROM curation_case k WHERE k.correction_id = NEW.correction_id FOR SHARE;

    IF correction.replacement IS NULL OR correction.replacement = '' OR NEW.chosen <> correction.replacement
       OR NEW.prompt <> correction.prompt OR NEW.rejected <> correction.answer
       OR NEW.conversation <> correction.conversation OR NEW.chosen_message <> correction.replacement_message
       OR NEW.rejected_message <> correction.answer_message THEN
        RAISE EXCEPTION 'pair: its words are not those of correction %', NEW.correction_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.row_hash <> (CASE
        WHEN concat(NEW.conversation, NEW.chosen_message, NEW.rejected_message) = ''
        THEN curation_row_hash(NEW.prompt, NEW.chosen, NEW.rejected)
        ELSE curation_row_hash(NEW.prompt, NEW.chosen, NEW.rejected,
                               NEW.conversation, NEW.chosen_message, NEW.rejected_message)
    END) THEN
        RAISE EXCEPTION 'pair: its hash is not that of its words' USING ERRCODE = 'restrict_violation';
    END IF;
    IF correction.lane <> 'training' OR origin.lane IS DISTINCT FROM 'training' THEN
        RAISE EXCEPTION 'pair: a held-out row is an exam, never a lesson' USING ERRCODE = 'restrict_violation';
    END IF;
    IF origin.environment IS DISTINCT FROM 'production' THEN
        RAISE EXCEPTION 'pair: a row that began in % does not train', coalesce(origin.environment, 'nowhere')
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF reviewed.id IS NULL OR reviewed.state <> 'decided' OR reviewed.verdict <> 'accepted'
       OR reviewed.decided_by_id IS DISTINCT FROM NEW.accepted_by_id THEN
        RAISE EXCEPTION 'pair: no reviewer accepted correction %', NEW.correction_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF reviewed.screened_epoch IS DISTINCT FROM curation_current_epoch()
       OR NEW.screened_epoch IS DISTINCT FROM curation_current_epoch() THEN
        RAISE EXCEPTION 'pair: case % is not screened under the current epoch', reviewed.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT FROM curation_blocker b WHERE b.case_id = reviewed.id
               AND b.blocking AND NOT curation_covered(b.case_id, b.check_name::text)) THEN
        RAISE EXCEPTION 'pair: case % has a blocker', reviewed.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.subject_id <> origin.subject_id OR reviewed.subject_id <> origin.subject_id THEN
        RAISE EXCEPTION 'pair: its subject is not the one whose words it holds' USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM hold_consent(ARRAY[origin.subject_id]);
    IF NOT coalesce(consent_in_force(origin.subject_id, 'training', clock_timestamp()), false) THEN
        RAISE EXCEPTION 'pair: subject % has not consented to training', origin.subject_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_pair BEFORE INSERT OR UPDATE ON curation_pair
    FOR EACH ROW EXECUTE FUNCTION curation_guard_pair();
