"""What gives power takes two admins, and every change of an account leaves an event."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("audit", "0003_speakers"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = guards.operations(
        "accounts",
        "request_needs_two_admins",
        "request_leaves_event",
        "account_changes_leave_events",
    )
