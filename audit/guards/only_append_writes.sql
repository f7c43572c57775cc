-- One function writes the log: it stamps the transaction (the sealer orders by it) and unfolds the edges from the body,
-- so that an event and its lineage cannot disagree.
CREATE OR REPLACE FUNCTION audit_append(body bytea) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    event jsonb := convert_from(body, 'UTF8')::jsonb;
    event_id bigint;
BEGIN
    INSERT INTO audit_event (transaction_id, recorded_at, name, actor, detail, body)
    VALUES (pg_current_xact_id()::text::bigint, (event->>'recorded_at')::timestamptz, event->>'name', event->>'actor',
            event->'detail', body)
    RETURNING id INTO event_id;
    INSERT INTO audit_edge (event_id, relation, kind, object_id)
    SELECT event_id, relation, ref->>0, ref->>1
    FROM (VALUES ('used'), ('generated')) AS relations (relation), jsonb_array_elements(event->relation) AS ref;
    RETURN event_id;
END $$;
REVOKE ALL ON FUNCTION audit_append(bytea) FROM PUBLIC;
