"""Nothing happens after it was recorded. Rows of before stay as they are: what they say was accepted."""

from datetime import timedelta

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations
from django.db.models import CheckConstraint, F, Q


class Migration(migrations.Migration):
    dependencies = [("feedback", "0008_consent_wordings")]

    operations = [
        AddConstraintNotValid(
            "interaction",
            CheckConstraint(
                condition=Q(happened_at__lte=F("created_at") + timedelta(minutes=1)),
                name="interaction_did_not_happen_later",
            ),
        ),
    ]
