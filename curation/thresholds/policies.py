"""The screening policy in force and its newest saved version."""

from dataclasses import dataclass

from curation.decontamination.overlap import Policy
from curation.models import Case, RegistryEpoch, ScreeningPolicy


@dataclass(frozen=True)
class PolicyState:
    """The epoch in force, and the newest saved version of the policy, which may be waiting to be adopted."""

    epoch: RegistryEpoch | None
    newest: ScreeningPolicy | None

    @property
    def version(self) -> int:
        """The version in force; 0 is the built-in policy."""
        return self.epoch.policy_version if self.epoch else 0

    @property
    def newest_version(self) -> int:
        """The newest version, in force or not: what a new version must follow."""
        return self.newest.version if self.newest else 0

    @property
    def in_force(self) -> Policy:
        """The thresholds that rows are screened by."""
        return as_policy(self.epoch.policy if self.epoch else None)

    @property
    def newest_policy(self) -> Policy:
        """The thresholds of the newest version."""
        return as_policy(self.newest)

    @property
    def pending(self) -> ScreeningPolicy | None:
        """The version that the evaluator has not adopted yet."""
        return self.newest if self.newest_version > self.version else None

    @property
    def unscreened(self) -> int:
        """Open cases and cases that wait for screening under the current epoch."""
        if self.epoch is None:
            return 0
        waiting = Case.objects.filter(state=Case.State.WAITING).count()
        stale = Case.objects.filter(state=Case.State.OPEN, screened_epoch__lt=self.epoch.number)
        return int(waiting + stale.count())


def policy_state() -> PolicyState:
    epoch = RegistryEpoch.objects.select_related("policy__saved_by").order_by("-number").first()
    return PolicyState(epoch, ScreeningPolicy.objects.select_related("saved_by").first())


def as_policy(version: ScreeningPolicy | None) -> Policy:
    """The thresholds of a version, as they screen; the built-in policy for None."""
    return Policy.of(version.values) if version else Policy()
