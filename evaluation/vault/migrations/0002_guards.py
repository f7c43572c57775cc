"""What the vault holds never changes."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial")]

    operations = guards.operations(
        "vault",
        "what_the_vault_holds_is_immutable",
    )
