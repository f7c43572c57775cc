"""Rows of a frozen dataset that may not be learnt any more: asked again before they train, are judged or ship.

PostgreSQL looks at consent itself, not at the marks that a worker sets later.
"""

from django.db import connection

from cftapp.base.refusal import Conflict
from curation.models import Dataset


class Withdrawn(Conflict):
    """Somebody whose words these are has changed their mind, or their consent has run out."""


def withdrawn_rows(dataset: Dataset) -> int:
    """How many rows have no consent in force, or were erased, withdrawn or undone since the dataset was frozen."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT curation_withdrawn_rows(%s)", [dataset.pk])
        return int(cursor.fetchone()[0])


def hold_consent(dataset: Dataset) -> None:
    """Wait for withdrawals that are about to be committed; those that come later wait for this transaction to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT curation_hold_consent(%s)", [dataset.pk])


def refuse_withdrawn(dataset: Dataset) -> None:
    """Raise Withdrawn when a row may not be learnt. Otherwise the answer holds until this transaction has ended."""
    hold_consent(dataset)
    refuse_withdrawn_now(dataset)


def refuse_withdrawn_now(dataset: Dataset) -> None:
    """Raise Withdrawn when a row may not be learnt. Nothing waits: the answer may be another in a moment."""
    gone = withdrawn_rows(dataset)
    if not gone and dataset.learnt_from_withdrawn_at is None:
        return
    raise Withdrawn.because(
        "dataset",
        f"{gone or 'Some'} rows of dataset {dataset.pk} were withdrawn or erased since it was frozen.",
        "Freeze a dataset again: it leaves them out.",
    )
