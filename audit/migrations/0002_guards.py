"""The log can be appended to and read, nothing else."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = guards.operations(
        "audit",
        "only_append_writes",
        "log_is_append_only",
    )
