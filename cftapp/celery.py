"""The Celery application: a doorbell. The job is a row in PostgreSQL, so nothing here may be the only copy."""

import os
import time
import warnings
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cftapp.settings")

from celery import Celery  # noqa: E402
from celery.signals import setup_logging, task_postrun, task_prerun, worker_init, worker_ready  # noqa: E402

# In a container everybody is root; only JSON is accepted, which is what the warning is about.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("cftapp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Celery leaves logging alone once this signal has a receiver: Django has configured it."""


@worker_init.connect
def warm_screener(**_: Any) -> None:
    """Before the processes of the pool are forked: what is compiled here is there for all of them."""
    from django.conf import settings

    if settings.CFT_ROLE == "screener":
        from curation.screening.warm_up import warm

        warm()


@worker_ready.connect
def watch_own_queue(sender: Any, **_: Any) -> None:
    from cftapp.operations.heartbeat import Watchdog

    Watchdog.for_worker(sender).start()


@worker_ready.connect
def answer_scrapes(**_: Any) -> None:
    from cftapp.operations.metrics import serve

    serve()


@task_prerun.connect
def note_start(task: Any, **_: Any) -> None:
    task.request.measured_from = time.monotonic()


@task_postrun.connect
def note_end(task: Any, state: str | None = None, **_: Any) -> None:
    from cftapp.base.metrics import TASK_SECONDS

    if (start := getattr(task.request, "measured_from", None)) is not None:
        TASK_SECONDS.labels(task.name, (state or "unknown").lower()).observe(time.monotonic() - start)
