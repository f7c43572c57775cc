"""Whoever relies on consent holds it to the end of the transaction; a frozen dataset is asked for it again."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("curation", "0003_bugs_of_before"), ("feedback", "0006_consent_is_held")]

    operations = guards.operations(
        "curation", "pair_needs_consent.2", "frozen_rows_are_checked_again.2", "withdrawn_rows"
    )
