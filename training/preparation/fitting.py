"""Whether a recipe and a base can take a dataset's rows whole: said before the run, with the row and the number.

What screening counted with this very tokenizer is compared; the engine counts every row once more, and cuts one or
leaves it out only where the recipe says so.
"""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from cftapp.base.refusal import Refused
from curation.models import Blocker, Dataset, DatasetRow
from training.engine.context import context_of
from training.preparation.base_model import tokenizer_of


def refuse_too_long(dataset: Dataset, max_length: int, base: Path, policy: str = "refuse") -> None:
    """Raise Refused where `max_length` is beyond the base's context, or, if the policy is to refuse it, a row beyond
    `max_length`.
    """
    context = stated_context(base)
    if context is not None and max_length > context:
        message = f"The base model {base.name} takes {context} tokens, not {max_length}."
        raise Refused.because("max_length", message, f"Give at most {context}.")
    if policy != "refuse":
        return
    longest = sorted(longer(dataset, max_length, tokenizer_of(base)), reverse=True)
    if longest:
        tokens, named = longest[0]
        others = f", and {len(longest) - 1} more are longer than max_length" if len(longest) > 1 else ""
        raise Refused.because(
            "max_length",
            f"{named} has {tokens} tokens, max_length is {max_length}{others}.",
            remedy(tokens, context),
        )


def stated_context(base: Path) -> int | None:
    try:
        return context_of(base)
    except (OSError, ValueError) as problem:
        message = f"The configuration of {base.name} cannot be read: {problem}."
        raise Refused.because("base_model", message, "Put its config.json back.") from problem


def longer(dataset: Dataset, max_length: int, tokenizer: str) -> list[tuple[int, str]]:
    """(tokens, name) of the dataset's rows that are known to be longer."""
    pairs = Blocker.objects.filter(
        check_name=Blocker.Check.LENGTH,
        score__gt=max_length,
        evidence__tokenizer=tokenizer,
        case__correction__pair__dataset_rows__dataset=dataset,
    ).values_list("score", "case__correction__pair")
    replay = DatasetRow.objects.filter(
        dataset=dataset, replay_row__tokenizer=tokenizer, replay_row__tokens__gt=max_length
    ).values_list("replay_row__tokens", "replay_row")
    named = [(tokens, f"Pair {pk}") for tokens, pk in pairs] + [(tokens, f"Replay row {pk}") for tokens, pk in replay]
    return [(int(tokens), name) for tokens, name in named if tokens is not None]


def pairs_left_out(dataset: Dataset, result: dict[str, Any]) -> list[UUID]:
    """The dataset's pairs that a run did not learn, because they were too long for it."""
    positions = [number - 1 for number in result.get("left_out", ())]
    rows = DatasetRow.objects.filter(dataset=dataset, position__in=positions, pair__isnull=False)
    return list(rows.order_by("position").values_list("pair_id", flat=True))


def name_row(dataset: Dataset, said: str) -> str:
    """What an engine said of `rows[7]`, with the row that it is in the dataset."""
    numbered = re.match(r"rows\[(\d+)\]", said)
    row = DatasetRow.objects.filter(dataset=dataset, position=int(numbered[1]) - 1).first() if numbered else None
    if row is None:
        return said
    return f"{said} It is {f'pair {row.pair_id}' if row.pair_id else f'replay row {row.replay_row_id}'}."


def remedy(tokens: int, context: int | None) -> str:
    without = "freeze a dataset without them (a recipe's `exclude` names pairs)"
    if context is not None and tokens > context:
        return f"The base takes {context}: {without}."
    return f"Raise max_length to {tokens}, choose another too_long, or {without}."
