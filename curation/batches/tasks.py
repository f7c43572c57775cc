"""Celery's door to batches: a chord of ranges whose callback merges, behind whatever arrives meanwhile."""

from celery import chord, shared_task

from cftapp.base.actors import SCREENER
from curation.batches import actions, work

LAST = 9  # of Redis' priorities 0 to 9: a row that somebody waits for goes first


@shared_task(name="curation.batches.tasks.start_batch")
def start_batch(batch_id: int | str) -> None:
    """Read a batch's file through, then hand out its ranges."""
    plan = actions.plan_of(int(batch_id))
    parts = work.work(plan, by=SCREENER) if plan else []
    if parts:
        *ranges, merge = (work_on_part.si(pk).set(queue="screening", priority=LAST) for pk in parts)
        chord(ranges)(merge)


@shared_task(name="curation.batches.tasks.work_on_part", acks_late=True, ignore_result=False)
def work_on_part(part_id: int) -> None:
    """Screen one range of a batch, or merge the ranges, if nobody else does."""
    work.work(part_id, by=SCREENER)


@shared_task(name="curation.batches.tasks.resume_batch")
def resume_batch(batch_id: int) -> None:
    """Do what is left of a batch, part by part, each behind whatever arrives meanwhile."""
    part = work.next_part(batch_id)
    if part is not None:
        work.work(part, by=SCREENER)
        resume_batch.apply_async((batch_id,), queue="screening", priority=LAST)


@shared_task(name="curation.batches.tasks.sweep_batches")
def sweep_batches() -> None:
    """Batches that nobody works on: a worker was killed, or Redis has forgotten the messages."""
    work.forget_ended()
    for batch_id in work.left_behind():
        resume_batch.apply_async((batch_id,), queue="screening", priority=LAST, expires=10)
