"""Which words an interaction has, without the words; a source decides the environment of its rows."""

from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("feedback", "0004_interaction_cut_by")]

    operations = [
        migrations.AddField(
            model_name="interaction",
            name="words_commitment",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Keyed: whether a repetition has the same words, in both lanes. Empty: from before.",
                max_length=64,
            ),
        ),
        *guards.operations("feedback", "source_decides_environment"),
    ]
