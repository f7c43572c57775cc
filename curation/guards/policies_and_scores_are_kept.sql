-- Policies are versions that nobody rewrites; labelled scores are only added.
CREATE OR REPLACE FUNCTION curation_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%: % is refused, its rows stay as they were written', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER policies_are_kept BEFORE UPDATE OR DELETE ON curation_screeningpolicy
    FOR EACH ROW EXECUTE FUNCTION curation_keep();
CREATE OR REPLACE TRIGGER no_policy_is_lost BEFORE TRUNCATE ON curation_screeningpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION curation_keep();
CREATE OR REPLACE TRIGGER labelled_scores_are_kept BEFORE UPDATE OR DELETE ON curation_labelledscores
    FOR EACH ROW EXECUTE FUNCTION curation_keep();
CREATE OR REPLACE TRIGGER no_labelled_score_is_lost BEFORE TRUNCATE ON curation_labelledscores
    FOR EACH STATEMENT EXECUTE FUNCTION curation_keep();
