"""Two more checks, and the counts of tokens. Rows of before whose replacement is the answer itself stop training."""

from django.db import migrations, models

from cftapp.base import guards

OF_BEFORE = """
    INSERT INTO curation_blocker (case_id, check_name, blocking, message, evidence)
    SELECT k.id, 'teaches_nothing', true, 'The replacement is the answer itself: it teaches nothing.', '{}'
    FROM curation_case k
    JOIN feedback_correction c ON c.id = k.correction_id
    JOIN feedback_interaction i ON i.id = c.interaction_id
    WHERE (k.state = 'open' OR k.verdict = 'accepted')
      AND btrim(c.replacement, E' \\t\\r\\n') = btrim(i.answer, E' \\t\\r\\n')
"""
CHECKS = [
    ("consent", "Consent"),
    ("environment", "Environment"),
    ("personal_data", "Personal data"),
    ("secret", "Secrets"),
    ("overlap", "Held-out overlap"),
    ("duplicate", "Duplicate"),
    ("other_answer", "Another answer"),
    ("author_share", "Author's share"),
    ("commentary", "Reads like commentary"),
    ("teaches_nothing", "Teaches nothing"),
    ("length", "Length"),
    ("kind", "Kind"),
]


class Migration(migrations.Migration):
    dependencies = [("curation", "0006_batch_columns")]

    operations = [
        *(
            migrations.AlterField(model, "check_name", models.CharField(choices=CHECKS, max_length=16))
            for model in ("blocker", "override")
        ),
        migrations.AddField(
            "replayrow",
            "tokens",
            models.PositiveIntegerField(help_text="As the base of that tokenizer reads it.", null=True),
        ),
        migrations.AddField("replayrow", "tokenizer", models.CharField(blank=True, db_default="", max_length=12)),
        *guards.operations("curation", "pair_teaches_something"),
        migrations.RunSQL(OF_BEFORE, migrations.RunSQL.noop),
    ]
