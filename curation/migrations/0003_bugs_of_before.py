"""What reviewers said before there was a bug list: other feedback that is a bug, and reports of what is none."""

from django.db import migrations

FILED = """
    INSERT INTO feedback_bug (receipt_id, opened_at)
    SELECT coalesce(correction_id, taste_note_id, comment_id), decided_at FROM curation_case
    WHERE verdict = 'bug' AND bug_report_id IS NULL ORDER BY decided_at, id
"""
DROPPED = """
    UPDATE feedback_bug SET state = 'dropped', changed_at = c.decided_at FROM curation_case c
    WHERE c.bug_report_id = feedback_bug.receipt_id AND c.state = 'decided' AND c.verdict <> 'bug'
"""


class Migration(migrations.Migration):
    dependencies = [("curation", "0002_guards"), ("feedback", "0003_bugs")]

    operations = [
        migrations.RunSQL(FILED, migrations.RunSQL.noop),
        migrations.RunSQL(DROPPED, migrations.RunSQL.noop),
    ]
