-- The log can be appended to and read, nothing else: no row is changed or deleted, no table emptied, by anybody.
-- An owner can always disable a trigger; that is what the signed tree heads outside the database are for.
CREATE OR REPLACE FUNCTION audit_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();

CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON audit_edge
    FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON audit_edge
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();

CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON audit_leaf
    FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON audit_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();

CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON audit_tile
    FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON audit_tile
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();

CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();
