"""A version says how many stored rows it keeps from training."""

from django.db import migrations, models

COLUMNS = {
    "rows_compared": "Stored rows that its new items met before it was published; null: none of them was new.",
    "rows_blocked": "Of these, those that it blocks from training.",
    "rows_of_template": "Those with the wording of an item and other numbers: shown to who reviews them.",
}


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0004_guards_read_real_tables")]

    operations = [
        migrations.AddField("benchmarkversion", name, models.PositiveIntegerField(null=True, help_text=text))
        for name, text in COLUMNS.items()
    ]
