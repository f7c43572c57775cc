"""Who may say what in the log, and the one form in which it is written."""

from django.db import migrations, models

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="Speaker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("login", models.CharField(max_length=63)),
                (
                    "speaker",
                    models.CharField(
                        help_text="A process by its name, 'visitor', or any 'user' or 'source'.", max_length=40
                    ),
                ),
                ("event", models.CharField(max_length=80)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["login", "speaker", "event"], name="a_voice_is_given_once")
                ],
            },
        ),
        *guards.operations("audit", "events_in_rfc_8785", "only_append_writes.2"),
    ]
