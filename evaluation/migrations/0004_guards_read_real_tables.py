"""Guards of gates read the real tables, whatever temporary ones a session has made."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0003_gate_needs_consent")]

    operations = guards.operations("evaluation", "pass_needs_every_pass.2", "gate_pins_its_versions.2")
