"""One more check: an image, a sound or a file is shown and not trainable."""

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
    ("kind", "Kind"),
]


class Migration(migrations.Migration):
    dependencies = [("curation", "0008_conversations")]

    operations = [
        migrations.AlterField(model, "check_name", models.CharField(choices=CHECKS, max_length=16))
        for model in ("blocker", "override")
    ]
