"""Celery's door to screening: a task takes an id, claims, calls one action. Runs in the screener process only.

A message is only a doorbell. `sweep` finds whatever was never rung for: feedback without a case, cases that wait, rows
of an older epoch, replay rows nobody has looked at.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from functools import partial

import structlog
from celery import shared_task
from django.utils import timezone

from cftapp.base.actors import SCREENER
from curation.decontamination.registry import BadRegistry, Registry
from curation.models import ReverseCheck
from curation.screening import actions, current_epoch, gathering, rescanning, reverse_check, reverse_check_actions
from curation.screening.batch_loop import batch_or_each, until_done

log = structlog.get_logger(__name__)
BATCH = 200  # of rows that are embedded, in one transaction: a slow machine takes a minute
RESCAN_BATCH = 2_000  # of a few columns, their stored vectors and a few items each
JUST_COME = timedelta(minutes=2)


class Gaps:
    """Feedback without a case: all of it is looked through once an hour, and otherwise what is new since the last look.

    A row's time is when it was written, not when that was committed: what is younger than SETTLED may still appear.
    """

    SETTLED = timedelta(minutes=15)
    EVERYTHING_EVERY = timedelta(hours=1)

    def __init__(self) -> None:
        self.complete_until: datetime | None = None
        self.everything_due: datetime | None = None

    def close(self, now: datetime) -> None:
        """Open the missing cases."""
        everything = self.everything_due is None or now >= self.everything_due
        since = None if everything else self.complete_until
        while actions.open_missing_cases(BATCH, since=since, by=SCREENER) == BATCH:
            pass
        self.complete_until = now - self.SETTLED
        if everything:
            self.everything_due = now + self.EVERYTHING_EVERY


class Unsigned:
    """Corrections from before there were signatures, or before this embedding model: signed once after each start."""

    def __init__(self) -> None:
        self.after: int | None = 0

    def sign(self) -> None:
        """Sign the next of them; the rest is the next sweep's."""
        until_done(self.sign_batch)

    def sign_batch(self) -> bool:
        if self.after is not None:
            self.after = actions.sign_cases(self.after, BATCH, by=SCREENER)
        return self.after is not None


gaps = Gaps()
unsigned = Unsigned()


@shared_task(name="curation.screening.tasks.screen")
def screen(kind: str, feedback_id: str) -> None:
    """Open the case of one piece of feedback and screen it, and in the same batch whatever came meanwhile.

    Of rows that come faster than one by one, most doorbells thus find their case screened: one query.
    """
    case = actions.open_case(kind, feedback_id, followers=BATCH - 1, by=SCREENER)
    epoch = opened_registry() if case.state == case.State.WAITING else None
    if epoch is None:
        return
    try:
        actions.screen_arrived(case.pk, BATCH, epoch, by=SCREENER)
    except Exception as problem:  # noqa: BLE001 - a row that no check can read must not hold up the others
        log.warning("screening.batch_failed", case=case.pk, problem=type(problem).__name__)
        actions.screen_case(case.pk, epoch, by=SCREENER)


@shared_task(name="curation.screening.tasks.screen_new")
def screen_new() -> None:
    """Feedback came by the hundred: open its cases and screen them, batch after batch."""
    epoch = opened_registry()
    if epoch is not None:
        screen_in_turns(epoch)


@shared_task(name="curation.screening.tasks.rescreen")
def rescreen() -> None:
    """A new epoch was adopted: screen again what waits or trains."""
    screen_all()


@shared_task(name="curation.screening.tasks.rescreen_subjects")
def rescreen_subjects(*subject_ids: str) -> None:
    """Consent was given: the open cases of these subjects are screened again."""
    if actions.rescreen_subjects(subject_ids, by=SCREENER):
        screen_all()


@shared_task(name="curation.screening.tasks.withdraw_subject")
def withdraw_subject(subject_id: str) -> None:
    """Consent was withdrawn: the subject's pairs stop training, its open cases are screened again."""
    actions.withdraw_pairs(subject_id, by=SCREENER)
    rescreen_subjects(subject_id)


@shared_task(name="curation.screening.tasks.sweep")
def sweep() -> None:
    """Whatever no doorbell was heard for."""
    gaps.close(timezone.now())
    unsigned.sign()
    actions.withdraw_unconsented(by=SCREENER)
    screen_all()
    asked = ReverseCheck.objects.filter(state=ReverseCheck.State.ASKED).order_by("asked_at")
    for check_id in list(asked.values_list("pk", flat=True)):
        try:
            compare_items(str(check_id))
        except Exception as problem:  # noqa: BLE001 - a check that fails must not hold up the others
            log.warning("screening.check_failed", check=str(check_id), problem=type(problem).__name__)


def screen_all() -> None:
    """Batches of cases, of those that meet newer items only, of replay rows: until nothing is left or the next sweep's
    turn has come.
    """
    epoch = opened_registry()
    if epoch is None:
        return
    screen_in_turns(epoch)
    for action, following, rows in (
        (actions.screen_freed, gathering.next_freed, BATCH),
        (actions.rescan_cases, rescanning.next_met_before, RESCAN_BATCH),
        (actions.screen_replay_rows, rescanning.next_replay_rows, BATCH),
    ):
        until_done(partial(some_or_each, action, following, rows, epoch, set()))


def some_or_each(
    action: Callable[..., int],
    following: Callable[[int, Collection[int]], list[int]],
    rows: int,
    epoch: Registry,
    failed: set[int],
) -> int:
    """One batch of an action, or one by one; whoever fails keeps its older epoch. Returns how many had their turn."""

    def act(most: int) -> int:
        return action(most, epoch, without=failed, by=SCREENER)

    def one_by_one() -> Iterator[int]:
        while first := following(epoch.number, failed):
            yield first[0]

    return batch_or_each(lambda: act(rows), one_by_one(), lambda _: act(1), most=rows, failed=failed)


def screen_in_turns(epoch: Registry) -> None:
    """Batches of what waits. What comes meanwhile has its case opened, so that its turn is the next batch."""
    failed: set[int] = set()

    def batch() -> bool:
        opened = actions.open_missing_cases(BATCH, since=timezone.now() - JUST_COME, by=SCREENER)
        return screen_batch(epoch, failed) > 0 or opened > 0

    until_done(batch)


def screen_batch(epoch: Registry, failed: set[int]) -> int:
    """Screen a batch of what waits, or one by one; whoever fails waits on. Returns how many had their turn."""

    def waiting() -> Iterator[int]:
        yield from gathering.next_waiting(BATCH, epoch.number, failed)

    return batch_or_each(
        lambda: actions.screen_waiting(BATCH, epoch, without=failed, by=SCREENER),
        waiting(),
        lambda case: actions.screen_case(case, epoch, by=SCREENER),
        most=BATCH,
        failed=failed,
        noun="case",
    )


@shared_task(name="curation.screening.tasks.compare_items")
def compare_items(check_id: str) -> None:
    """Compare items that may be published with every stored row; goes on where another worker was killed.

    After so many rows the others have their turn: the rest is another message's, or the next sweep's.
    """
    check = ReverseCheck.objects.filter(pk=check_id, state=ReverseCheck.State.ASKED).first()
    if check is None:
        return
    try:
        items = reverse_check.open_offer(check)
        if until_done(lambda: reverse_check_actions.scan_rows(check.pk, items, RESCAN_BATCH, by=SCREENER)):
            return
    except (reverse_check.NoOffer, BadRegistry) as problem:
        log.warning("screening.not_compared", check=check_id, problem=str(problem))
        reverse_check_actions.fail_check(check.pk, str(problem), by=SCREENER)
        return
    compare_items.apply_async((check_id,), queue="screening", retry=False)


def opened_registry() -> Registry | None:
    """The current epoch's registry; None (nothing is screened, nothing trains) before the first is published."""
    epoch = current_epoch.open_registry()
    if epoch is None:
        log.info("screening.no_registry")
    return epoch
