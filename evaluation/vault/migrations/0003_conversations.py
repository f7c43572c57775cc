"""An exam question may be a conversation, and its answer a call."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vault", "0002_guards"),
    ]

    operations = [
        migrations.AddField(
            model_name="item",
            name="answer_message",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="JSON. Empty: the answer is a text."
            ),
        ),
        migrations.AddField(
            model_name="item",
            name="conversation",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="JSON. Empty: the question is all, one of a user."
            ),
        ),
    ]
