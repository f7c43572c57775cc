"""What the tuning page reads: the policy in force, its versions, and the labelled set of the current snapshot."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import Max, Sum

from curation.decontamination.overlap import Policy
from curation.models import Case, LabelledScores, RegistryEpoch, ScreeningPolicy
from curation.thresholds.tuning import Group


@dataclass(frozen=True)
class Standing:
    """The epoch in force, the policy it screens by, and the newest saved version where that is another one."""

    epoch: RegistryEpoch | None
    newest: ScreeningPolicy | None

    @property
    def version(self) -> int:
        """The version in force; 0 is the built-in policy."""
        return self.epoch.policy_version if self.epoch else 0

    @property
    def shown(self) -> int:
        """The newest version, in force or not: what a new one must follow."""
        return self.newest.version if self.newest else 0

    @property
    def in_force(self) -> Policy:
        return as_policy(self.epoch.policy if self.epoch else None)

    @property
    def adopting(self) -> ScreeningPolicy | None:
        """The version that the evaluator has not adopted yet."""
        return self.newest if self.shown > self.version else None

    @property
    def unscreened(self) -> int:
        """Open cases and cases that wait for screening under the current epoch."""
        if self.epoch is None:
            return 0
        waiting = Case.objects.filter(state=Case.State.WAITING).count()
        stale = Case.objects.filter(state=Case.State.OPEN, screened_epoch__lt=self.epoch.number)
        return int(waiting + stale.count())


def standing() -> Standing:
    epoch = RegistryEpoch.objects.select_related("policy__saved_by").order_by("-number").first()
    return Standing(epoch, ScreeningPolicy.objects.select_related("saved_by").first())


def as_policy(version: ScreeningPolicy | None) -> Policy:
    """The thresholds of a version, as they screen; the built-in ones for None."""
    return Policy.of(version.values) if version else Policy()


def newest_snapshot() -> int | None:
    """The newest snapshot whose labelled set is whole, or, before there is one, the newest of which there is a part."""
    kept = LabelledScores.objects
    whole: int | None = kept.filter(part=0).aggregate(newest=Max("snapshot_number"))["newest"]
    return whole if whole is not None else kept.aggregate(newest=Max("snapshot_number"))["newest"]


def groups(snapshot: int | None) -> tuple[Group, ...]:
    """The labelled set of a snapshot, as far as it is there, forms in their order of first appearance."""
    if snapshot is None:
        return ()
    have = LabelledScores.objects.filter(snapshot_number=snapshot).aggregate(last=Max("id"), rows=Sum("rows"))
    return _groups(snapshot, have["last"] or 0, have["rows"] or 0)


@lru_cache(maxsize=4)
def _groups(snapshot: int, last: int, rows: int) -> tuple[Group, ...]:
    """Rows are only added, so (last id, number of rows) names their state."""
    return merged(LabelledScores.objects.filter(snapshot_number=snapshot, id__lte=last, rows__gt=0).order_by("id"))


def merged(parts: Iterable[LabelledScores]) -> tuple[Group, ...]:
    by_form: dict[str, Group] = {}
    for part in parts:
        group = Group.of_columns(part.form, part.is_leak, part.columns)
        by_form[part.form] = by_form[part.form] + group if part.form in by_form else group
    return tuple(by_form.values())
