-- An exam question, its scores, a registry snapshot and a reference text never change and are never removed.
-- An offer (a registry of items that may be published) is removed when it was compared, and never changed.
CREATE OR REPLACE FUNCTION vault_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: what the vault holds is immutable', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE OR REPLACE TRIGGER vault_is_immutable BEFORE UPDATE OR DELETE ON vault_item
    FOR EACH ROW EXECUTE FUNCTION vault_refuse();
CREATE OR REPLACE TRIGGER vault_is_kept BEFORE TRUNCATE ON vault_item
    FOR EACH STATEMENT EXECUTE FUNCTION vault_refuse();

CREATE OR REPLACE TRIGGER vault_is_immutable BEFORE UPDATE OR DELETE ON vault_itemscore
    FOR EACH ROW EXECUTE FUNCTION vault_refuse();
CREATE OR REPLACE TRIGGER vault_is_kept BEFORE TRUNCATE ON vault_itemscore
    FOR EACH STATEMENT EXECUTE FUNCTION vault_refuse();

CREATE OR REPLACE TRIGGER vault_is_immutable BEFORE UPDATE OR DELETE ON vault_registrysnapshot
    FOR EACH ROW EXECUTE FUNCTION vault_refuse();
CREATE OR REPLACE TRIGGER vault_is_kept BEFORE TRUNCATE ON vault_registrysnapshot
    FOR EACH STATEMENT EXECUTE FUNCTION vault_refuse();

CREATE OR REPLACE TRIGGER vault_is_immutable BEFORE UPDATE OR DELETE ON vault_referencetext
    FOR EACH ROW EXECUTE FUNCTION vault_refuse();
CREATE OR REPLACE TRIGGER vault_is_kept BEFORE TRUNCATE ON vault_referencetext
    FOR EACH STATEMENT EXECUTE FUNCTION vault_refuse();

CREATE OR REPLACE TRIGGER vault_is_immutable BEFORE UPDATE ON vault_offer
    FOR EACH ROW EXECUTE FUNCTION vault_refuse();
