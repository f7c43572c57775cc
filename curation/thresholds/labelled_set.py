"""The labelled set that policies are measured on: leaks and clean texts of a snapshot, with their scores."""

from collections.abc import Iterable
from functools import lru_cache

from django.db.models import Max, Sum

from curation.models import LabelledScores
from curation.thresholds.tuning import Group


def newest_snapshot() -> int | None:
    """The newest snapshot whose labelled set is complete, or else the newest of which there is a part."""
    scores = LabelledScores.objects
    complete: int | None = scores.filter(part=0).aggregate(newest=Max("snapshot_number"))["newest"]
    return complete if complete is not None else scores.aggregate(newest=Max("snapshot_number"))["newest"]


def groups(snapshot: int | None) -> tuple[Group, ...]:
    """The labelled set of a snapshot, as far as it is there, forms in their order of first appearance."""
    if snapshot is None:
        return ()
    stored = LabelledScores.objects.filter(snapshot_number=snapshot).aggregate(last=Max("id"), rows=Sum("rows"))
    return _groups(snapshot, stored["last"] or 0, stored["rows"] or 0)


@lru_cache(maxsize=4)
def _groups(snapshot: int, last: int, rows: int) -> tuple[Group, ...]:
    """Rows are only added, so (last id, number of rows) names their state."""
    return merged(LabelledScores.objects.filter(snapshot_number=snapshot, id__lte=last, rows__gt=0).order_by("id"))


def merged(parts: Iterable[LabelledScores]) -> tuple[Group, ...]:
    """A group for each form, from all of its parts."""
    by_form: dict[str, Group] = {}
    for part in parts:
        group = Group.of_columns(part.form, part.is_leak, part.columns)
        by_form[part.form] = by_form[part.form] + group if part.form in by_form else group
    return tuple(by_form.values())
