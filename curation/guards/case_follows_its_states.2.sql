-- A case is about one piece of feedback, is decided once it is open, and is accepted only when it is screened under the
-- current epoch and nothing that no override covers blocks it, by somebody else than who filed it or is its subject.
CREATE OR REPLACE FUNCTION curation_guard_case() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' THEN
            RAISE EXCEPTION 'a case begins as waiting, not as %', NEW.state USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.correction_id, NEW.bug_report_id, NEW.taste_note_id, NEW.comment_id, NEW.subject_id) IS DISTINCT FROM
       (OLD.correction_id, OLD.bug_report_id, OLD.taste_note_id, OLD.comment_id, OLD.subject_id) THEN
        RAISE EXCEPTION 'case %: what it is about is fixed', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('waiting', 'open'), ('open', 'waiting'), ('open', 'decided'), ('decided', 'open')) THEN
        RAISE EXCEPTION 'case %: % does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'decided' AND NEW.state = 'decided' AND (NEW.verdict, NEW.decided_by_id, NEW.decided_at)
       IS DISTINCT FROM (OLD.verdict, OLD.decided_by_id, OLD.decided_at) THEN
        RAISE EXCEPTION 'case %: a verdict is undone before another is given', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'open' AND NEW.state = 'decided' AND NEW.verdict = 'accepted' THEN
        IF NEW.screened_epoch IS DISTINCT FROM curation_current_epoch() THEN
            RAISE EXCEPTION 'case %: not screened under the current epoch', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF EXISTS (SELECT FROM curation_blocker b WHERE b.case_id = OLD.id
                   AND b.blocking AND NOT curation_covered(b.case_id, b.check_name::text)) THEN
            RAISE EXCEPTION 'case %: a blocker forbids acceptance', OLD.id USING ERRCODE = 'restrict_violation';
        END IF;
        IF feedback_is_own(OLD.correction_id, OLD.subject_id, NEW.decided_by_id) THEN
            RAISE EXCEPTION 'case %: nobody accepts what they filed themselves', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER curation_guard_case BEFORE INSERT OR UPDATE ON curation_case
    FOR EACH ROW EXECUTE FUNCTION curation_guard_case();
