-- Whether an account filed a correction, or is the subject whose words these are (who asked, or who is named).
CREATE OR REPLACE FUNCTION feedback_is_own(correction uuid, subject uuid, account bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM feedback_correction c WHERE c.id = correction AND c.filed_by_id = account)
        OR EXISTS (
            SELECT FROM feedback_subjectaccount a WHERE a.account_id = account AND a.subject_id IN (
                SELECT subject UNION SELECT i.subject_id FROM feedback_correction c
                JOIN feedback_interaction i ON i.id = c.interaction_id WHERE c.id = correction))
$$;
CREATE OR REPLACE TRIGGER account_stays_linked BEFORE UPDATE OR DELETE ON feedback_subjectaccount
    FOR EACH ROW EXECUTE FUNCTION feedback_refuse_change();
