-- Who was the champion when stays as it was written.
CREATE OR REPLACE FUNCTION serving_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of the champion is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON serving_promotion
    FOR EACH ROW EXECUTE FUNCTION serving_deny();
CREATE OR REPLACE TRIGGER append_only_table BEFORE TRUNCATE ON serving_promotion
    FOR EACH STATEMENT EXECUTE FUNCTION serving_deny();
