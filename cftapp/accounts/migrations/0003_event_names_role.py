"""The event of a change that no action made says which role it was about, and whether it made a superuser."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_guards")]

    operations = guards.operations("accounts", "account_changes_leave_events.2")
