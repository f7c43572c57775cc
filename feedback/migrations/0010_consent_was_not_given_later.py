"""Nobody decided after it was recorded."""

from datetime import timedelta

from django.db import migrations
from django.db.models import CheckConstraint, F, Q


class Migration(migrations.Migration):
    dependencies = [("feedback", "0009_did_not_happen_later")]

    operations = [
        migrations.AddConstraint(
            "consententry",
            CheckConstraint(
                condition=Q(given_at__lte=F("recorded_at") + timedelta(minutes=1)), name="consent_was_not_given_later"
            ),
        ),
    ]
