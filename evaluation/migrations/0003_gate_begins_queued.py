"""Whoever may ask for a gate may not write its verdict, not even one that a waiver could lift."""

from django.db import migrations

GUARD = """
CREATE TRIGGER gate_begins_queued BEFORE INSERT ON evaluation_gate
    FOR EACH ROW WHEN (NEW.state <> 'queued' OR NEW.verdict <> '' OR NEW.fencing_token <> 0)
    EXECUTE FUNCTION evaluation_refuse('a gate begins as queued, the evaluator gives the verdict');
"""


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0002_immutable")]

    operations = [migrations.RunSQL(GUARD, "DROP TRIGGER gate_begins_queued ON evaluation_gate;")]
