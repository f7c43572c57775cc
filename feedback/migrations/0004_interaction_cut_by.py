"""Whether an answer is whole, or who cut its stream."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0003_bugs"),
    ]

    operations = [
        migrations.AddField(
            model_name="interaction",
            name="cut_by",
            field=models.CharField(
                blank=True,
                choices=[("client", "the client"), ("model_server", "the model server")],
                db_default="",
                default="",
                help_text="Empty: the answer is whole.",
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="interaction",
            constraint=models.CheckConstraint(
                condition=models.Q(("cut_by__in", ["", "client", "model_server"])), name="interaction_cut_by_known"
            ),
        ),
    ]
