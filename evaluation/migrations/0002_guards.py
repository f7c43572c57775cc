"""What was published, pinned or judged does not change, and PASS means what it says."""

from django.db import migrations

from cftapp.base import guards


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0001_initial")]

    operations = guards.operations(
        "evaluation",
        "refusal",
        "published_benchmark_never_changes",
        "gate_pins_its_versions",
        "result_never_changes",
        "gate_verdict_is_final",
        "pass_needs_every_pass",
        "waiver_is_signed_once",
    )
