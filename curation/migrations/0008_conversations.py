"""Pairs and replay rows hold conversations; their hashes and guards cover them."""

from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0007_rows_that_cannot_be_learnt"),
    ]

    operations = [
        migrations.AddField(
            model_name="pair",
            name="chosen_message",
            field=models.TextField(blank=True, db_default="", default="", help_text="JSON, as the correction's."),
        ),
        migrations.AddField(
            model_name="pair",
            name="conversation",
            field=models.TextField(blank=True, db_default="", default="", help_text="JSON, as the interaction's."),
        ),
        migrations.AddField(
            model_name="pair",
            name="rejected_message",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="JSON, as the interaction's answer."
            ),
        ),
        migrations.AddField(
            model_name="replayrow",
            name="answer_message",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="JSON. Empty: the answer is a text."
            ),
        ),
        migrations.AddField(
            model_name="replayrow",
            name="conversation",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="JSON. Empty: the prompt is all, a question of a user.",
            ),
        ),
        migrations.AlterField(
            model_name="pair",
            name="prompt",
            field=models.TextField(help_text="As it reads."),
        ),
        migrations.AlterField(
            model_name="replayrow",
            name="prompt",
            field=models.TextField(help_text="As it reads."),
        ),
        *guards.operations("curation", "pair_needs_consent.3", "replay_row_begins_unscreened.2"),
    ]
