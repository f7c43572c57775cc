"""Withdrawn words are not trained on, however slow the workers are."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("training", "0002_guards"), ("curation", "0004_consent_is_held")]

    operations = guards.operations("training", "run_needs_consent")
