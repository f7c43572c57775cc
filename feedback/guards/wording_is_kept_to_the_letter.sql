-- A published wording never changes, and its hash is that of its text: what a subject agreed to is read there for good.
CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON feedback_consentwording
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_change();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON feedback_consentwording
    FOR EACH STATEMENT EXECUTE FUNCTION feedback_refuse_change();
ALTER TABLE feedback_consentwording
    DROP CONSTRAINT IF EXISTS wording_hash_is_of_its_text,
    ADD CONSTRAINT wording_hash_is_of_its_text CHECK (text_sha256 = encode(sha256(convert_to(text, 'UTF8')), 'hex'));
