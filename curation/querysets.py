"""The reads of this app, named as adjectives."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Now

from feedback.models import ConsentEntry
from feedback.querysets import CAP, CountedQuerySet, consent_in_force

if TYPE_CHECKING:
    from curation.models import RegistryEpoch

JOINS = ("correction", "bug_report", "taste_note", "comment")


class EpochQuerySet(models.QuerySet):
    def newest(self) -> Self:
        return self.order_by("-number")[:1]

    def current(self) -> RegistryEpoch | None:
        """The epoch that every row must be screened under to train; None until a benchmark is published."""
        return self.order_by("-number").first()  # type: ignore[return-value]


def current_epoch_number() -> models.QuerySet[Any, Any]:
    """The current epoch's number, for use inside another query."""
    from curation.models import RegistryEpoch

    return RegistryEpoch.objects.newest().values("number")


class CaseQuerySet(CountedQuerySet):
    def of_kind(self, kind: str | None) -> Self:
        """Cases about one table of feedback; all of them for None."""
        return self if kind is None else self.filter(**{f"{kind}__isnull": False})

    def waiting(self) -> Self:
        """Not screened yet, so neither claimable nor trainable."""
        return self.filter(state="waiting")

    def reviewable(self) -> Self:
        """Open and screened under the current epoch."""
        return self.filter(state="open", screened_epoch=current_epoch_number())

    def stale(self) -> Self:
        """Open or accepted, but screened under an epoch that is no longer the current one."""
        trains = Q(state="open") | Q(state="decided", verdict="accepted")
        return self.filter(trains).exclude(screened_epoch=current_epoch_number())

    def claimable_by(self, user: Any, now: datetime) -> Self:
        """Reviewable, and nobody else holds it."""
        free = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=now)
        return self.reviewable().filter(free | Q(leased_by=user))

    def asking(self, words: str) -> Self:
        """Whose question holds these words, in this order and any case; among the first 10,000 that wait."""
        first = type(self)(self.model).reviewable().order_by("id").values("pk")[:CAP]
        matches = Q()
        for join in JOINS:
            matches |= Q(**{f"{join}__interaction__prompt__icontains": words})
        return self.filter(matches, pk__in=first)

    def held_by(self, user: Any, now: datetime) -> Self:
        return self.filter(leased_by=user, lease_expires_at__gt=now)

    def with_feedback(self) -> Self:
        """Joined with what a page or a check needs of the feedback: no query per case."""
        paths = [f"{join}__interaction__source" for join in JOINS]
        return self.select_related("subject", *paths)

    def decided_by_last(self, user: Any, count: int) -> Self:
        """The newest `count` verdicts of an account, newest first."""
        return self.filter(decided_by=user, state="decided").order_by("-decided_at", "-id")[:count]


def covered(case: str, check: F | Value) -> models.Func:
    """Whether an override that a lead confirmed covers what a check found; PostgreSQL decides."""
    return models.Func(F(case), check, function="curation_covered", output_field=models.BooleanField())


class BlockerQuerySet(models.QuerySet):
    def with_substance(self) -> Self:
        """Annotated with what an override of each would cover; None where nobody may override it."""
        return self.annotate(
            substance=models.Func(
                F("check_name"), F("evidence"), function="curation_substance", output_field=models.TextField(null=True)
            )
        )

    def with_policy(self) -> Self:
        """Annotated with the policy of the epoch that the case was screened under: its version and its values."""
        from curation.models import RegistryEpoch

        epoch = RegistryEpoch.objects.filter(pk=OuterRef("case__screened_epoch"))
        return self.annotate(
            policy_version=models.Subquery(epoch.values("policy")),
            policy_values=models.Subquery(epoch.values("policy__values")),
        )

    def stopping(self) -> Self:
        """Those that forbid training: no override that a lead confirmed covers them."""
        return self.filter(blocking=True).exclude(covered("case_id", F("check_name")))


class OverrideQuerySet(CountedQuerySet):
    def waiting(self) -> Self:
        """Asked for, and no lead has answered."""
        return self.filter(state="requested")

    def confirmed(self) -> Self:
        return self.filter(state="confirmed")

    def in_force(self) -> Self:
        """Asked for or confirmed: what a case may have one of for each finding."""
        return self.filter(state__in=["requested", "confirmed"])

    def with_case(self) -> Self:
        return self.select_related("requested_by", "settled_by", "case__correction__interaction", "case__subject")


class PairQuerySet(CountedQuerySet):
    def accepted(self) -> Self:
        return self.filter(state="accepted")

    def consented(self) -> Self:
        return self.filter(consent_in_force("subject_id"))

    def locked(self) -> Self:
        """For update, in the order in which a freeze locks them: two who lock many cannot wait for each other."""
        return self.order_by("accepted_at", "id").select_for_update()

    def unconsented(self) -> Self:
        """Consent ended since acceptance. Every pair had it then, so only withdrawn and expired lines are looked at."""
        ended = Q(decision="withdrawn") | Q(expires_at__lte=Now())
        suspects = ConsentEntry.objects.filter(ended).values("subject")
        return self.filter(subject__in=suspects).exclude(consent_in_force("subject_id"))

    def current(self) -> Self:
        """Screened under the current epoch."""
        return self.filter(screened_epoch=current_epoch_number())

    def unfrozen(self) -> Self:
        """In no dataset yet."""
        from curation.models import DatasetRow

        return self.filter(~Exists(DatasetRow.objects.filter(pair=OuterRef("pk"))))


class DatasetRowQuerySet(models.QuerySet):
    """A dataset never changes, but the exam does: what was clean when it was frozen may be an item today."""

    def unscreened(self) -> Self:
        """Not screened under the current epoch: whether it is part of an exam is not known."""
        current = current_epoch_number()
        seen = Q(pair__screened_epoch=current) | Q(replay_row__screened_epoch=current)
        return self.exclude(pair__isnull=True, replay_row__isnull=True).exclude(seen)

    def overlapping(self) -> Self:
        """Found to overlap with the exam since it was frozen, and no override covers that."""
        from curation.models import Blocker

        found = Blocker.objects.stopping().filter(
            case__correction=OuterRef("pair__correction"), check_name=Blocker.Check.OVERLAP
        )
        return self.filter(Q(replay_row__overlaps=True) | Exists(found))


class ReplayRowQuerySet(models.QuerySet):
    def stale(self) -> Self:
        """Not screened under the current epoch."""
        current = current_epoch_number()
        return self.filter(Q(screened_epoch__isnull=True) | ~Q(screened_epoch=current))

    def clean(self, epoch: int) -> Self:
        return self.filter(screened_epoch=epoch, overlaps=False)
