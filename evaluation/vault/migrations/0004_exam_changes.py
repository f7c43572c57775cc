"""Offers: registries of items that may be published. They are removed, never changed."""

from django.db import migrations, models

FIXED = """
CREATE TRIGGER vault_is_immutable BEFORE UPDATE ON vault_offer FOR EACH ROW EXECUTE FUNCTION vault_refuse();
"""

UNDO = "DROP TRIGGER vault_is_immutable ON vault_offer;"


class Migration(migrations.Migration):
    dependencies = [
        ("vault", "0003_random_ids"),
    ]

    operations = [
        migrations.CreateModel(
            name="Offer",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("sha256", models.CharField(max_length=64)),
                ("content", models.BinaryField()),
                ("offered_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RunSQL(FIXED, UNDO),
    ]
