"""What learnt withdrawn words is not judged; a waiver is never born with both signatures."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0002_guards"),
        ("training", "0003_run_needs_consent"),
        ("curation", "0004_consent_is_held"),
    ]

    operations = guards.operations("evaluation", "gate_needs_consent", "waiver_is_signed_once.2")
