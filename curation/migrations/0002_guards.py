"""What may become a lesson, said once, in PostgreSQL: whoever writes, with whatever code, meets these rules."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("curation", "0001_initial"), ("feedback", "0002_guards")]

    operations = guards.operations(
        "curation",
        "current_epoch",
        "replay_leads_to_its_origin",
        "row_hash",
        "override_covers_one_finding",
        "case_follows_its_states",
        "pair_needs_consent",
        "replay_row_begins_unscreened",
        "rows_are_not_deleted",
        "dataset_is_frozen",
        "frozen_rows_are_checked_again",
        "dataset_holds_what_it_counts",
        "datasets_with_exam_rows",
        "override_needs_two_people",
        "policy_versions_follow",
        "policies_and_scores_are_kept",
        "inquiry_begins_waiting",
    )
