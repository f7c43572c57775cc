"""An interaction holds a conversation, an answer may be a call, and a tenant is named."""

from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0010_consent_was_not_given_later"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="interaction",
            name="held_out_text_is_in_the_vault_only",
        ),
        migrations.AddField(
            model_name="apikey",
            name="tenant",
            field=models.SlugField(
                blank=True,
                db_default="",
                db_index=False,
                default="",
                help_text="The one brand or customer that it may post for. Empty: any of its source.",
                max_length=60,
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="replacement_message",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="JSON. Empty: the replacement is a text."
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="answer_message",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="JSON. Empty: the answer is a text."
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="conversation",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="JSON. Empty: the prompt is all, a question of a user.",
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="conversation_key",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Keyed: of one subject, the turns of one conversation have the same. Empty: from before.",
                max_length=32,
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="tenant",
            field=models.SlugField(
                blank=True, db_default="", db_index=False, default="", help_text="The brand or customer.", max_length=60
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="turn",
            field=models.PositiveSmallIntegerField(db_default=1, default=1, help_text="How often the user had spoken."),
        ),
        migrations.AddField(
            model_name="source",
            name="tenant",
            field=models.SlugField(
                blank=True,
                db_default="",
                db_index=False,
                default="",
                help_text="The brand or customer that all of its rows are of. Empty: each row may name its own.",
                max_length=60,
            ),
        ),
        migrations.AlterField(
            model_name="correction",
            name="replacement",
            field=models.TextField(help_text="As it reads."),
        ),
        migrations.AlterField(
            model_name="interaction",
            name="prompt",
            field=models.TextField(blank=True, help_text="As it reads: what search looks through."),
        ),
        migrations.AddConstraint(
            model_name="interaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("lane", "training"),
                    models.Q(("answer", ""), ("answer_message", ""), ("conversation", ""), ("prompt", "")),
                    _connector="OR",
                ),
                name="held_out_text_is_in_the_vault_only",
            ),
        ),
        *guards.operations("feedback", "words_are_erased_never_rewritten.2"),
    ]
