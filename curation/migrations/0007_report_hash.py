"""A dataset keeps the hash of its decontamination report, so that a report which was changed is noticed."""

import hashlib
from typing import Any

import rfc8785
from django.db import migrations, models

DISABLE = "ALTER TABLE curation_dataset DISABLE TRIGGER curation_guard_dataset"
ENABLE = "ALTER TABLE curation_dataset ENABLE TRIGGER curation_guard_dataset"


def hash_reports(apps: Any, schema_editor: Any) -> None:
    """Of the datasets that are frozen already; nothing else of them changes."""
    datasets = apps.get_model("curation", "Dataset").objects.using(schema_editor.connection.alias)
    for pk, report in datasets.values_list("pk", "report"):
        datasets.filter(pk=pk).update(report_sha256=hashlib.sha256(rfc8785.dumps(report)).hexdigest())


class Migration(migrations.Migration):
    dependencies = [("curation", "0006_overrides")]

    operations = [
        migrations.AddField(
            model_name="dataset",
            name="report_sha256",
            field=models.CharField(db_default="", help_text="Of the report's RFC 8785 bytes.", max_length=64),
        ),
        migrations.RunSQL(DISABLE, ENABLE),
        migrations.RunPython(hash_reports, migrations.RunPython.noop),
        migrations.RunSQL(ENABLE, DISABLE),
    ]
