"""Celery's way in: a task takes an id and claims. The row is the job; a lost or doubled message costs nothing."""

from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from cftapp.base import engines
from training import actions
from training.work import forget_rows, work


@worker_shutting_down.connect
def stop_engines(**_: Any) -> None:
    """Celery would wait for the running task: tell it to write a checkpoint and to give its run back."""
    engines.closing.set()


@shared_task(name="training.tasks.train", queue="training")
def train(run_id: int | str) -> str:
    """Train one run, if nobody else does."""
    return work(int(run_id))


@shared_task(name="training.tasks.sweep", queue="training")
def sweep() -> int:
    """Requeue what lost its worker, and ring for everything that waits; returns how many that are."""
    forget_rows()
    waiting = actions.sweep_runs()
    for run_id in waiting:
        train.delay(run_id)
    return len(waiting)
