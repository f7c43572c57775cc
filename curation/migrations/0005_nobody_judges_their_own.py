"""Nobody accepts what they filed themselves, or settles the alert about their own inquiries."""

from django.conf import settings
from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0004_consent_is_held"),
        ("feedback", "0007_who_filed_it"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *guards.operations("curation", "case_follows_its_states.2"),
        migrations.AddConstraint(
            model_name="inquiryalert",
            constraint=models.CheckConstraint(
                condition=models.Q(("settled_by", None))
                | models.Q(("settled_by", models.F("asked_by")), _negated=True),
                name="inquiry_alert_needs_two_people",
            ),
        ),
    ]
