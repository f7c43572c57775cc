-- One function writes the log. It stamps time and transaction (the sealer orders by it), writes the bytes that are
-- hashed, and unfolds the edges from them, so that an event and its lineage cannot disagree. And it binds the actor: a
-- login says what its rows of audit_speaker let it say, as whom. The owner alone is not bound, who could take this away.
CREATE OR REPLACE FUNCTION audit_append(body bytea) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    said jsonb := convert_from(body, 'UTF8')::jsonb;
    at timestamptz := clock_timestamp();
    event jsonb := jsonb_build_object(
        'actor', said->'actor', 'detail', said->'detail', 'generated', said->'generated', 'name', said->'name',
        'recorded_at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), 'used', said->'used');
    event_id bigint;
BEGIN
    IF session_user <> current_user AND NOT EXISTS (
        SELECT FROM audit_speaker AS voice
        WHERE voice.login = session_user AND voice.event = said->>'name' AND said->>'actor' NOT IN ('user', 'source')
          AND voice.speaker = regexp_replace(said->>'actor', '^(user|source):[1-9][0-9]{0,17}$', '\1')
    ) THEN
        RAISE EXCEPTION '% may not record % as %', session_user, said->>'name', said->>'actor'
            USING ERRCODE = 'insufficient_privilege', HINT = 'cftapp/access/speakers.py is the table of who may.';
    END IF;
    INSERT INTO audit_event (transaction_id, recorded_at, name, actor, detail, body)
    VALUES (pg_current_xact_id()::text::bigint, at, event->>'name', event->>'actor', event->'detail',
            convert_to(audit_json(event), 'UTF8'))
    RETURNING id INTO event_id;
    INSERT INTO audit_edge (event_id, relation, kind, object_id)
    SELECT event_id, relation, ref->>0, ref->>1
    FROM (VALUES ('used'), ('generated')) AS relations (relation), jsonb_array_elements(event->relation) AS ref;
    RETURN event_id;
END $$;
REVOKE ALL ON FUNCTION audit_append(bytea) FROM PUBLIC;
