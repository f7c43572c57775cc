"""An upload that overlaps with stored rows waits for a decision; a gate whose candidate learnt an exam is marked."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FINAL = """
DROP TRIGGER verdict_is_final ON evaluation_gate;
CREATE TRIGGER verdict_is_final BEFORE UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (OLD.verdict <> '' AND to_jsonb(NEW) - 'contamination' <> to_jsonb(OLD) - 'contamination')
    EXECUTE FUNCTION evaluation_refuse('a verdict never changes, queue another gate');
"""

UNDO = """
DROP TRIGGER verdict_is_final ON evaluation_gate;
CREATE TRIGGER verdict_is_final BEFORE UPDATE ON evaluation_gate
    FOR EACH ROW WHEN (OLD.verdict <> '')
    EXECUTE FUNCTION evaluation_refuse('a verdict never changes, queue another gate');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0009_exam_changes"),
        ("evaluation", "0003_gate_begins_queued"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="gate",
            name="contamination",
            field=models.JSONField(help_text="Its candidate learnt rows of an exam: not to be trusted.", null=True),
        ),
        migrations.AddField(
            model_name="proposal",
            name="decided_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="proposal",
            name="decided_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="decision",
            field=models.CharField(
                blank=True,
                choices=[
                    ("drop", "Publish without those items"),
                    ("publish", "Publish all the same"),
                    ("withdraw", "Withdraw it"),
                ],
                db_default="",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="reverse_check",
            field=models.ForeignKey(
                help_text="The newest one.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="curation.reversecheck",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting for the evaluator"),
                    ("checking", "Compared with stored rows"),
                    ("overlapping", "Overlaps with stored rows"),
                    ("published", "Published"),
                    ("refused", "Refused"),
                    ("withdrawn", "Withdrawn"),
                ],
                default="waiting",
                max_length=11,
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_by__isnull", True), ("decision", "")),
                    models.Q(
                        models.Q(("decision", ""), _negated=True),
                        ("decided_by__isnull", False),
                        ("reverse_check__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="decision_has_a_name_and_a_check",
            ),
        ),
        migrations.RunSQL(FINAL, UNDO),
    ]
