"""A source of one tenant has rows of that tenant only."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("feedback", "0011_conversations")]

    operations = [*guards.operations("feedback", "source_decides_tenant")]
