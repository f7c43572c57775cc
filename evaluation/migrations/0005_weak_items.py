"""What a benchmark's owner may know of the items that n-grams cannot protect: which, where, why. Never a word."""

import django.db.models.deletion
from django.db import migrations, models

IMMUTABLE = """
CREATE TRIGGER evaluation_refuse BEFORE UPDATE OR DELETE ON evaluation_weakitem
    FOR EACH ROW EXECUTE FUNCTION evaluation_refuse('a published version does not change');
"""


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0004_exam_changes")]

    operations = [
        migrations.AddField(
            model_name="benchmarkversion",
            name="encoder",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="The model that compares rows with it by meaning, if any.",
                max_length=120,
            ),
        ),
        migrations.CreateModel(
            name="WeakItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.UUIDField(help_text="Its opaque id, as evidence shows it.")),
                ("position", models.PositiveIntegerField(help_text="Its line in the file, from 0.")),
                (
                    "why",
                    models.CharField(choices=[("short", "Too short"), ("common", "Only common phrases")], max_length=6),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="weak_items",
                        to="evaluation.benchmarkversion",
                    ),
                ),
            ],
            options={
                "ordering": ["version", "position"],
                "constraints": [models.UniqueConstraint(fields=("version", "position"), name="weak_item_once")],
            },
        ),
        migrations.RunSQL(IMMUTABLE, "DROP TRIGGER evaluation_refuse ON evaluation_weakitem"),
    ]
