"""A row may hold parts of several items: an override covers those that were found when it was asked for."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("curation", "0010_unknown_tool_blocks")]

    operations = guards.operations(
        "curation", "overlap_findings", "override_covers_one_finding.2", "override_needs_two_people.2"
    )
