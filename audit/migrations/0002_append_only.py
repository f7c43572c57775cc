"""The log can be appended to and read, nothing else: one SECURITY DEFINER function writes, triggers refuse the rest.

An owner can always disable a trigger; that is what the signed tree heads outside the database are for.
"""

from django.db import migrations

APPEND = """
CREATE FUNCTION audit_append(body bytea) RETURNS bigint
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

CREATE FUNCTION audit_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

DENY = """
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();
"""

TABLES = ("audit_event", "audit_edge", "audit_leaf", "audit_tile", "audit_checkpoint")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(
            APPEND + "".join(DENY.format(table=table) for table in TABLES),
            "".join(
                f"DROP TRIGGER append_only_rows ON {table}; DROP TRIGGER append_only_table ON {table};"
                for table in TABLES
            )
            + "DROP FUNCTION audit_append(bytea); DROP FUNCTION audit_deny();",
        )
    ]
