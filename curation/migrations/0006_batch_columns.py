"""Which columns of a batch's file are read, and which were not."""

from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies = [("curation", "0005_nobody_judges_their_own")]

    operations = [
        migrations.AddField(
            "batchscreening",
            "columns",
            models.JSONField(
                db_default=Value([], models.JSONField()),
                default=list,
                help_text="Columns to read; none: every text.",
            ),
        ),
        migrations.AddField(
            "batchscreening",
            "left_out",
            models.JSONField(
                db_default=Value([], models.JSONField()),
                default=list,
                help_text="Columns that need not be read.",
            ),
        ),
        migrations.AddField(
            "batchscreening",
            "unread",
            models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                help_text="In how many rows each column held a text that was not read.",
            ),
        ),
    ]
