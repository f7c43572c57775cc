-- Whoever relies on consent holds the row of its subject to the end of the transaction (`hold_consent`), and a withdrawal
-- takes that row for itself: it comes first and is seen, or it waits until what relied on the consent is committed.
-- Rows, because a dataset has more subjects than the table of advisory locks has room; in the order of their ids, so that
-- nobody waits in a circle. A snapshot from before the lock would not show who came first: READ COMMITTED only.
CREATE OR REPLACE FUNCTION hold_consent(subjects uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'consent is read in a transaction that is READ COMMITTED, not %',
            upper(current_setting('transaction_isolation')) USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM FROM feedback_subject WHERE id = ANY (subjects) ORDER BY id FOR SHARE;
END $$;

CREATE OR REPLACE FUNCTION feedback_take_consent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM feedback_subject WHERE id = NEW.subject_id FOR NO KEY UPDATE;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER withdrawal_takes_consent BEFORE INSERT ON feedback_consententry
    FOR EACH ROW WHEN (NEW.decision = 'withdrawn') EXECUTE FUNCTION feedback_take_consent();
