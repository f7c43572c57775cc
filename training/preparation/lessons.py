"""Reading a frozen dataset's rows, in their frozen order."""

from collections.abc import Iterator

from django.db.models import Q

from curation.models import Dataset, DatasetRow, Pair
from training.preparation.rows import Row, Tampered

WITHDRAWN = Q(pair__isnull=True, replay_row__isnull=True) | Q(pair__isnull=False) & ~Q(pair__state=Pair.State.ACCEPTED)
COLUMNS = (
    "position",
    "row_hash",
    "pair_id",
    "pair__prompt",
    "pair__chosen",
    "pair__rejected",
    "replay_row__skill",
    "replay_row__prompt",
    "replay_row__answer",
)


def withdrawn_rows(dataset: Dataset) -> int:
    """How many rows were erased, withdrawn or undone since the dataset was frozen."""
    return DatasetRow.objects.filter(WITHDRAWN, dataset=dataset).count()


def lessons(dataset: Dataset) -> Iterator[Row]:
    """The dataset's rows. Raises Tampered for a row out of its place."""
    rows = DatasetRow.objects.filter(dataset=dataset).order_by("position").values_list(*COLUMNS)
    for expected, values in enumerate(rows.iterator(chunk_size=2000)):
        if values[0] != expected:
            raise Tampered(f"Row {expected} of dataset {dataset.pk} is missing.")
        yield lesson(*values)


def lesson(
    position: int,
    frozen_hash: str,
    pair: object,
    prompt: str,
    chosen: str,
    rejected: str,
    skill: str,
    replay_prompt: str,
    replay_answer: str,
) -> Row:
    if pair is not None:
        return Row(position, "pair", "", prompt, chosen, rejected, frozen_hash)
    return Row(position, "replay", skill, replay_prompt, replay_answer, "", frozen_hash)
