"""What can happen to a dataset: replay rows are imported, a recipe is frozen. One event each."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from audit.actions import record
from cftapp.base.actors import Actor
from cftapp.base.refusal import Conflict, Refused
from conversation import NotAConversation
from curation.datasets import freezing
from curation.models import Dataset, ReplayRow
from curation.triage import reviewing


@transaction.atomic
def import_replay_rows(rows: Iterable[Mapping[str, Any]], *, by: Actor) -> int:
    """Add rows of what the base model already knows; rows that are there already are left alone. Returns how many.

    Each row has `skill`, `prompt` or `messages` (and `tools`), `answer` and perhaps `is_refusal` (by default: whether
    the skill is "refusal"). They wait for the screener before they train. Raises Refused, naming row and field.
    """
    by_hash = {row.row_hash: row for row in map(replay_row, count(), rows)}
    known = set(ReplayRow.objects.filter(row_hash__in=list(by_hash)).values_list("row_hash", flat=True))
    fresh = [row for row_hash, row in by_hash.items() if row_hash not in known]
    if fresh:
        ReplayRow.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=2000)
        root = freezing.root_of_hashes([row.row_hash for row in fresh])
        record("replay.imported", by=by, detail={"rows": len(fresh), "root": root})
    return len(fresh)


def replay_row(number: int, row: Mapping[str, Any]) -> ReplayRow:
    try:
        return freezing.replay_row(row)
    except NotAConversation as problem:
        raise Refused.because(f"rows[{number}].{problem.path}", problem.message, problem.remedy) from problem


def freeze_dataset(name: str, recipe: Mapping[str, Any], *, by: User) -> Dataset:
    """Select pairs and replay rows by a recipe (`curation.datasets.recipe`) into an immutable dataset.

    Every row's consent and epoch are checked again; what falls out is in the report with its reason. Refused if the
    recipe is not understood or nothing is left.
    """
    try:
        with transaction.atomic():
            return _freeze(name, recipe, by)
    except IntegrityError as problem:
        raise reviewing.refusal_of(problem) from problem


def _freeze(name: str, recipe: Mapping[str, Any], by: User) -> Dataset:
    plan = freezing.plan(freezing.parsed(recipe), lock=True)
    if not name.strip():
        raise Refused.because("name", "A dataset needs a name.", "Give it one, such as 'Week 47 corrections'.")
    if not plan.rows:
        raise Conflict.because("recipe", "No row is left to freeze.", plan.why_empty())
    freezing.refuse_too_little_replay(plan)
    dataset = freezing.store(name.strip(), plan, by)
    pairs = [("pair", row.pair_id) for row in plan.rows if row.pair_id]
    record(
        "dataset.frozen",
        by=by,
        used=[*pairs, ("epoch", plan.epoch)],
        generated=[("dataset", dataset.pk)],
        detail={
            "root": dataset.merkle_root,
            "pairs": dataset.pair_count,
            "replay": dataset.replay_count,
            "report_sha256": dataset.report_sha256,
        },
    )
    return dataset
