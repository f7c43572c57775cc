"""What may become a lesson, said once, in PostgreSQL: whoever writes, with whatever code, meets these rules.

The functions run as their owner, so that a role needs no right to read what they check.
"""

from django.db import migrations

ORIGIN = """
CREATE FUNCTION curation_current_epoch() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT max(number) FROM curation_registryepoch
$$;

-- The interaction that a replay goes back to (itself if it is none): whose words, consent, lane and environment count.
CREATE FUNCTION curation_origin(interaction uuid)
RETURNS TABLE (id uuid, subject_id uuid, environment text, lane text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE steps AS (
        SELECT i.id, i.subject_id, i.environment, i.lane, i.replay_of_id, 0 AS depth
        FROM feedback_interaction i WHERE i.id = interaction
        UNION ALL
        SELECT i.id, i.subject_id, i.environment, i.lane, i.replay_of_id, s.depth + 1
        FROM feedback_interaction i JOIN steps s ON i.id = s.replay_of_id WHERE s.depth < 100
    )
    SELECT s.id, s.subject_id, s.environment::text, s.lane::text FROM steps s WHERE s.replay_of_id IS NULL
$$;

CREATE FUNCTION curation_row_hash(VARIADIC texts text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT encode(sha256(convert_to(string_agg(octet_length(t) || ':' || t || ',', '' ORDER BY n), 'UTF8')), 'hex')
    FROM unnest(texts) WITH ORDINALITY AS u(t, n)
$$;
"""

CASE = """
CREATE FUNCTION curation_guard_case() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
        IF EXISTS (SELECT 1 FROM curation_blocker b WHERE b.case_id = OLD.id AND b.blocking) THEN
            RAISE EXCEPTION 'case %: a blocker forbids acceptance', OLD.id USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER curation_guard_case BEFORE INSERT OR UPDATE ON curation_case
    FOR EACH ROW EXECUTE FUNCTION curation_guard_case();
"""

PAIR = """
CREATE FUNCTION curation_guard_pair() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    told record;
    origin record;
    reviewed record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.correction_id, NEW.subject_id, NEW.row_hash) IS DISTINCT FROM
           (OLD.id, OLD.correction_id, OLD.subject_id, OLD.row_hash)
           OR ((NEW.prompt, NEW.chosen, NEW.rejected) IS DISTINCT FROM (OLD.prompt, OLD.chosen, OLD.rejected)
               AND NOT (NEW.prompt = '' AND NEW.chosen = '' AND NEW.rejected = '' AND NEW.state <> 'accepted')) THEN
            RAISE EXCEPTION 'pair %: its words are fixed (they can only be erased, once it no longer trains)', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> 'accepted' OR OLD.state = 'accepted' THEN
            RETURN NEW;
        END IF;
    ELSIF NEW.state <> 'accepted' THEN
        RAISE EXCEPTION 'a pair begins as accepted, not as %', NEW.state USING ERRCODE = 'restrict_violation';
    END IF;

    SELECT c.replacement, i.id AS interaction_id, i.prompt, i.answer, i.lane INTO told
        FROM feedback_correction c JOIN feedback_interaction i ON i.id = c.interaction_id
        WHERE c.id = NEW.correction_id;
    SELECT * INTO origin FROM curation_origin(told.interaction_id);
    SELECT k.id, k.state, k.verdict, k.screened_epoch, k.subject_id, k.decided_by_id INTO reviewed
        FROM curation_case k WHERE k.correction_id = NEW.correction_id FOR SHARE;

    IF told.replacement IS NULL OR told.replacement = '' OR NEW.chosen <> told.replacement
       OR NEW.prompt <> told.prompt OR NEW.rejected <> told.answer THEN
        RAISE EXCEPTION 'pair: its words are not those of correction %', NEW.correction_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.row_hash <> curation_row_hash(NEW.prompt, NEW.chosen, NEW.rejected) THEN
        RAISE EXCEPTION 'pair: its hash is not that of its words' USING ERRCODE = 'restrict_violation';
    END IF;
    IF told.lane <> 'training' OR origin.lane IS DISTINCT FROM 'training' THEN
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
    IF EXISTS (SELECT 1 FROM curation_blocker b WHERE b.case_id = reviewed.id AND b.blocking) THEN
        RAISE EXCEPTION 'pair: case % has a blocker', reviewed.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.subject_id <> origin.subject_id OR reviewed.subject_id <> origin.subject_id THEN
        RAISE EXCEPTION 'pair: its subject is not the one whose words it holds' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT coalesce(consent_in_force(origin.subject_id, 'training', clock_timestamp()), false) THEN
        RAISE EXCEPTION 'pair: subject % has not consented to training', origin.subject_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER curation_guard_pair BEFORE INSERT OR UPDATE ON curation_pair
    FOR EACH ROW EXECUTE FUNCTION curation_guard_pair();
"""

DATASET = """
CREATE FUNCTION curation_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: rows are neither changed nor deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER curation_deny BEFORE UPDATE OR DELETE ON curation_registryepoch
    FOR EACH ROW EXECUTE FUNCTION curation_deny();
CREATE TRIGGER curation_deny BEFORE DELETE ON curation_dataset FOR EACH ROW EXECUTE FUNCTION curation_deny();
CREATE TRIGGER curation_deny BEFORE DELETE ON curation_datasetrow FOR EACH ROW EXECUTE FUNCTION curation_deny();

CREATE FUNCTION curation_guard_dataset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'learnt_from_withdrawn_at' <> to_jsonb(OLD) - 'learnt_from_withdrawn_at'
       OR OLD.learnt_from_withdrawn_at IS NOT NULL THEN
        RAISE EXCEPTION 'dataset % is frozen', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER curation_guard_dataset BEFORE UPDATE ON curation_dataset
    FOR EACH ROW EXECUTE FUNCTION curation_guard_dataset();

-- An erased row loses its reference, never its place or its hash.
CREATE FUNCTION curation_guard_dataset_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.dataset_id, NEW.position, NEW.row_hash) IS DISTINCT FROM
       (OLD.id, OLD.dataset_id, OLD.position, OLD.row_hash)
       OR (NEW.pair_id IS NOT NULL AND NEW.pair_id IS DISTINCT FROM OLD.pair_id)
       OR (NEW.replay_row_id IS NOT NULL AND NEW.replay_row_id IS DISTINCT FROM OLD.replay_row_id) THEN
        RAISE EXCEPTION 'dataset %: row % is frozen', OLD.dataset_id, OLD.position
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER curation_guard_dataset_row BEFORE UPDATE ON curation_datasetrow
    FOR EACH ROW EXECUTE FUNCTION curation_guard_dataset_row();

-- Every row is checked again as it is frozen: consent and epoch of today, not of the day it was accepted.
CREATE FUNCTION curation_guard_frozen_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    bad record;
    today integer := curation_current_epoch();
BEGIN
    SELECT f.position, p.id INTO bad
    FROM fresh f
    LEFT JOIN curation_pair p ON p.id = f.pair_id
    LEFT JOIN curation_case k ON k.correction_id = p.correction_id
    LEFT JOIN curation_replayrow r ON r.id = f.replay_row_id
    JOIN curation_dataset d ON d.id = f.dataset_id
    WHERE coalesce(
        f.position >= d.pair_count + d.replay_count
        OR d.epoch IS DISTINCT FROM today
        OR (p.id IS NULL AND r.id IS NULL)
        OR (p.id IS NOT NULL AND NOT (
            p.state = 'accepted' AND p.row_hash = f.row_hash
            AND p.screened_epoch = today AND k.screened_epoch = today
            AND NOT EXISTS (SELECT 1 FROM curation_blocker b WHERE b.case_id = k.id AND b.blocking)))
        OR (r.id IS NOT NULL AND NOT (r.screened_epoch = today AND NOT r.overlaps AND r.row_hash = f.row_hash)),
        true)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'dataset row %: not accepted, or not clean under epoch %', bad.position, today
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT s.subject_id INTO bad
    FROM (SELECT DISTINCT p.subject_id FROM fresh f JOIN curation_pair p ON p.id = f.pair_id) s
    WHERE NOT coalesce(consent_in_force(s.subject_id, 'training', clock_timestamp()), false)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'dataset: subject % has not consented to training', bad.subject_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER curation_guard_frozen_rows AFTER INSERT ON curation_datasetrow
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION curation_guard_frozen_rows();

CREATE FUNCTION curation_dataset_is_whole() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT count(*) FROM curation_datasetrow r WHERE r.dataset_id = NEW.id) <> NEW.pair_count + NEW.replay_count
       OR NEW.pair_count + NEW.replay_count = 0 THEN
        RAISE EXCEPTION 'dataset % does not hold the rows it counts', NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER curation_dataset_is_whole AFTER INSERT ON curation_dataset
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION curation_dataset_is_whole();
"""

DROP = """
DROP TRIGGER curation_dataset_is_whole ON curation_dataset;
DROP TRIGGER curation_guard_frozen_rows ON curation_datasetrow;
DROP TRIGGER curation_guard_dataset_row ON curation_datasetrow;
DROP TRIGGER curation_guard_dataset ON curation_dataset;
DROP TRIGGER curation_deny ON curation_datasetrow;
DROP TRIGGER curation_deny ON curation_dataset;
DROP TRIGGER curation_deny ON curation_registryepoch;
DROP TRIGGER curation_guard_pair ON curation_pair;
DROP TRIGGER curation_guard_case ON curation_case;
DROP FUNCTION curation_dataset_is_whole, curation_guard_frozen_rows, curation_guard_dataset_row,
    curation_guard_dataset, curation_deny, curation_guard_pair, curation_guard_case, curation_row_hash,
    curation_origin, curation_current_epoch;
"""


class Migration(migrations.Migration):
    dependencies = [("curation", "0001_initial")]

    operations = [migrations.RunSQL(ORIGIN + CASE + PAIR + DATASET, DROP)]
