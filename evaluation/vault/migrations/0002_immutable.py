"""An exam question, its scores and a registry snapshot never change: PostgreSQL refuses it."""

from django.db import migrations

TABLES = ("vault_item", "vault_itemscore", "vault_registrysnapshot", "vault_referencetext")

REFUSE = """
CREATE FUNCTION vault_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: what the vault holds is immutable', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
TRIGGER = """
CREATE TRIGGER vault_is_immutable BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION vault_refuse();
CREATE TRIGGER vault_is_kept BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION vault_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial")]

    operations = [
        migrations.RunSQL(
            REFUSE + "".join(TRIGGER.format(table=table) for table in TABLES),
            "DROP FUNCTION vault_refuse() CASCADE;",
        )
    ]
