-- Who said something, in which lane, and what they consented to when: written once. A withdrawal is another line.
CREATE OR REPLACE FUNCTION feedback_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% never changes: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER subject_is_fixed BEFORE UPDATE ON feedback_subject
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_change();
CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON feedback_consententry
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_change();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON feedback_consententry
    FOR EACH STATEMENT EXECUTE FUNCTION feedback_refuse_change();
