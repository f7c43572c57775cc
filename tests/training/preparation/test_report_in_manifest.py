"""A run answers for the report of its dataset: its hash is in the manifest, and a changed report starts no run."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from cftapp.base.refusal import Refused
from curation.models import Dataset
from training.models import Run
from training.preparation import prepare, rows

pytestmark = pytest.mark.django_db


def test_the_manifest_names_the_report(queue: Callable[..., Run], dataset: Dataset) -> None:
    asked = prepare.ask(queue(), rows.Written("cd" * 32, 6, 10), "ab" * 32)
    assert asked["dataset"]["report_sha256"] == dataset.report_sha256
    assert asked["dataset"]["merkle_root"] == dataset.merkle_root


def test_a_changed_report_starts_no_run(queue: Callable[..., Run], dataset: Dataset) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("""UPDATE curation_dataset SET report = '{"overrides": []}'""")
        cursor.execute("SET LOCAL session_replication_role = origin")
    dataset.refresh_from_db()
    with pytest.raises(Refused, match="changed after the freeze"):
        queue()
    assert not Run.objects.exists()
