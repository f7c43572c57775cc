"""What PostgreSQL itself refuses: a second lane, feedback on the exam, a replay under another name, rewritten words."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("feedback", "0001_initial")]

    operations = guards.operations(
        "feedback",
        "interaction_is_in_its_subjects_lane",
        "held_out_takes_no_feedback",
        "replay_keeps_its_subject",
        "subject_and_consent_never_change",
        "words_are_erased_never_rewritten",
        "consent_in_force",
    )
