"""Nothing ships that the gate did not pass: the rules of a promotion, kept by PostgreSQL whoever writes the row."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0001_initial"),
        ("curation", "0002_guards"),
        ("evaluation", "0002_guards"),
        ("training", "0002_guards"),
    ]

    operations = guards.operations(
        "serving",
        "promotion_needs_a_pass",
        "champion_history_is_append_only",
        "exam_learners_are_not_promoted",
        "release_is_its_runs_adapter",
        "run_inherits_its_datasets_marks",
    )
