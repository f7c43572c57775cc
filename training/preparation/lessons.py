"""Reading a frozen dataset's rows, in their frozen order."""

from collections.abc import Iterator

from curation.models import Dataset, DatasetRow
from training.preparation.rows import Row, Tampered

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
    "pair__conversation",
    "pair__chosen_message",
    "pair__rejected_message",
    "replay_row__conversation",
    "replay_row__answer_message",
)


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
    conversation: str,
    chosen_message: str,
    rejected_message: str,
    replay_conversation: str,
    replay_message: str,
) -> Row:
    if pair is not None:
        stored = conversation, chosen_message, rejected_message
        return Row(position, "pair", "", prompt, chosen, rejected, frozen_hash, *stored)
    said = skill, replay_prompt, replay_answer
    return Row(position, "replay", *said, "", frozen_hash, replay_conversation, replay_message)
