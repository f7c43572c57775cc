"""What may happen to a run: its question never changes and its answer is final."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("training", "0001_initial")]

    operations = guards.operations(
        "training",
        "run_begins_queued",
        "run_record_is_final",
    )
