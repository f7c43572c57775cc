"""A reverse check counts the rows that have an item's wording and other numbers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("curation", "0011_several_findings")]

    operations = [
        migrations.AddField(
            "reversecheck",
            "same_template",
            models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Rows with an item's wording and other numbers, which does not block them.",
            ),
        ),
    ]
