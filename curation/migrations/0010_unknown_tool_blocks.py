"""One more check: an answer that calls a function which its conversation does not offer."""

from django.db import migrations, models

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
    ("reference", "Images, sounds, files"),
    ("unknown_tool", "Calls what is not offered"),
    ("kind", "Kind"),
]


class Migration(migrations.Migration):
    dependencies = [("curation", "0009_references_block")]

    operations = [
        migrations.AlterField(model, "check_name", models.CharField(choices=CHECKS, max_length=16))
        for model in ("blocker", "override")
    ]
