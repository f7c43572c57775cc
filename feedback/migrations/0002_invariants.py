"""What PostgreSQL itself refuses: a second lane, feedback on the exam, a replay under another name, rewritten words.

Functions that read a table set their search path with `pg_temp` last, so that a temporary table of the same name
cannot stand in for the real one.
"""

from django.db import migrations

# One lane a subject, one source a subject, by foreign key: an interaction cannot say otherwise.
LANES = """
ALTER TABLE feedback_interaction ADD CONSTRAINT interaction_is_in_its_subjects_lane
    FOREIGN KEY (subject_id, lane, source_id) REFERENCES feedback_subject (id, lane, source_id);

CREATE FUNCTION feedback_refuse_held_out() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    found_lane text;
BEGIN
    SELECT lane INTO found_lane FROM feedback_interaction WHERE id = NEW.interaction_id;
    IF found_lane IS DISTINCT FROM 'training' THEN
        RAISE EXCEPTION 'feedback on a held-out interaction belongs in the vault: % refuses interaction %',
            TG_TABLE_NAME, NEW.interaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION feedback_check_replay() RETURNS trigger
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
CREATE TRIGGER replay_keeps_its_subject BEFORE INSERT ON feedback_interaction
    FOR EACH ROW WHEN (NEW.replay_of_id IS NOT NULL) EXECUTE FUNCTION feedback_check_replay();
"""

# Words may be erased, never rewritten; who said what, where and when never changes.
IMMUTABLE = """
CREATE FUNCTION feedback_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% never changes: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION feedback_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER subject_is_fixed BEFORE UPDATE ON feedback_subject
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_change();
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON feedback_consententry
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON feedback_consententry
    FOR EACH STATEMENT EXECUTE FUNCTION feedback_refuse_change();
CREATE TRIGGER interaction_is_erased_only BEFORE UPDATE ON feedback_interaction
    FOR EACH ROW EXECUTE FUNCTION feedback_erase_only('prompt', 'answer', 'external_id');
"""

ERASABLE = {
    "feedback_bugreport": ("note", "what_happened", "expected"),
    "feedback_tastenote": ("note", "preference"),
    "feedback_correction": ("note", "replacement"),
    "feedback_comment": ("note", "text"),
}

KIND = """
CREATE TRIGGER training_lane_only BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_held_out();
CREATE TRIGGER words_are_erased_only BEFORE UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION feedback_erase_only({columns});
"""

# The body is parsed here, once: no search path can redirect it. The newest line holds whatever the clocks say; `at`
# decides about expiry alone, so that a withdrawal counts from its commit on.
CONSENT = """
CREATE FUNCTION consent_in_force(subject uuid, purpose text, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN COALESCE(
    (SELECT entry.decision = 'granted' AND (entry.expires_at IS NULL OR entry.expires_at > consent_in_force.at)
     FROM feedback_consententry AS entry
     WHERE entry.subject_id = consent_in_force.subject AND entry.purpose = consent_in_force.purpose
     ORDER BY entry.id DESC LIMIT 1),
    false);
"""

BACK = """
DROP FUNCTION consent_in_force(uuid, text, timestamptz);
DROP FUNCTION feedback_refuse_held_out() CASCADE;
DROP FUNCTION feedback_check_replay() CASCADE;
DROP FUNCTION feedback_refuse_change() CASCADE;
DROP FUNCTION feedback_erase_only() CASCADE;
ALTER TABLE feedback_interaction DROP CONSTRAINT interaction_is_in_its_subjects_lane;
"""


def kinds() -> str:
    return "".join(
        KIND.format(table=table, columns=", ".join(f"'{column}'" for column in columns))
        for table, columns in ERASABLE.items()
    )


class Migration(migrations.Migration):
    dependencies = [("feedback", "0001_initial")]

    operations = [migrations.RunSQL(LANES + IMMUTABLE + kinds() + CONSENT, BACK)]
