"""A withdrawal waits for what relied on the consent, and is seen by what comes after it."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("feedback", "0005_words_commitment")]

    operations = guards.operations("feedback", "consent_is_held")
