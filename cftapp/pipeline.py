"""The order of things: which task an event wakes. The only place that knows it.

An event is announced after its transaction has committed, so a task always finds the row that it is about. Redis is a
doorbell: what is lost here is found again by the sweeps of CELERY_BEAT_SCHEDULE.
"""

from collections.abc import Callable
from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from audit.actions import Announcement, subscribe

log = structlog.get_logger(__name__)

Arguments = list[str | int]
FEEDBACK_KINDS = ("correction", "bug_report", "taste_note", "comment")


def ids(kind: str) -> Callable[[Announcement], list[Arguments]]:
    """One call for every entity of this kind that the event names."""
    return lambda event: [[object_id] for object_id in event.about(kind)]


def once(event: Announcement) -> list[Arguments]:
    """One call without arguments."""
    return [[]]


def feedback(event: Announcement) -> list[Arguments]:
    """One call for every piece of feedback that the event names."""
    return [[kind, object_id] for kind in FEEDBACK_KINDS for object_id in event.about(kind)]


def consenting(event: Announcement) -> list[Arguments]:
    """One call for all subjects, if the event brought consent with it: older cases of theirs may now pass."""
    return [[*event.about("subject")]] if event.about("consent") else []


def frozen(event: Announcement) -> list[Arguments]:
    """One call, if a row that overlaps with an exam is frozen into a dataset already."""
    return [[]] if event.detail.get("frozen") else []


Step = tuple[str, str, Callable[[Announcement], list[Arguments]]]

NEXT: dict[str, list[Step]] = {
    "bug_report.submitted": [("screening", "curation.screening.tasks.screen", feedback)],
    "taste_note.submitted": [("screening", "curation.screening.tasks.screen", feedback)],
    "correction.submitted": [
        ("screening", "curation.screening.tasks.screen", feedback),
        ("screening", "curation.screening.tasks.rescreen_subjects", consenting),
    ],
    "comment.submitted": [("screening", "curation.screening.tasks.screen", feedback)],
    "feedback.imported": [
        ("screening", "curation.screening.tasks.screen_new", once),
        ("screening", "curation.screening.tasks.rescreen_subjects", consenting),
    ],
    "consent.granted": [("screening", "curation.screening.tasks.rescreen_subjects", consenting)],
    "consent.withdrawn": [
        ("screening", "curation.screening.tasks.withdraw_subject", ids("subject")),
        ("curation", "serving.tasks.mark_withdrawal", ids("subject")),
    ],
    "batch.queued": [("screening", "curation.batches.tasks.start_batch", ids("batch"))],
    "epoch.adopted": [("screening", "curation.screening.tasks.rescreen", once)],
    "inquiry.asked": [("screening", "curation.inquiries.tasks.answer", ids("inquiry"))],
    "benchmark.published": [
        ("screening", "curation.screening.tasks.rescreen", once),
        ("evaluation", "evaluation.tasks.label", once),
    ],
    "policy.saved": [("evaluation", "evaluation.tasks.adopt_policy", ids("policy"))],
    "case.screened": [("curation", "serving.tasks.mark_contamination", frozen)],
    "cases.screened": [("curation", "serving.tasks.mark_contamination", frozen)],
    "cases.rescanned": [("curation", "serving.tasks.mark_contamination", frozen)],
    "replay.screened": [("curation", "serving.tasks.mark_contamination", frozen)],
    "items.offered": [("screening", "curation.screening.tasks.compare_items", ids("reverse_check"))],
    "items.compared": [("evaluation", "evaluation.tasks.import_checked", ids("reverse_check"))],
    "items.not_compared": [("evaluation", "evaluation.tasks.import_checked", ids("reverse_check"))],
    "proposal.decided": [("evaluation", "evaluation.tasks.import_proposed", ids("proposal"))],
    "benchmark.proposed": [("evaluation", "evaluation.tasks.import_proposed", ids("proposal"))],
    "run.queued": [("training", "training.tasks.train", ids("run"))],
    "run.resumed": [("training", "training.tasks.train", ids("run"))],
    "run.finished": [("evaluation", "evaluation.tasks.open_gate", ids("run"))],
    "gate.queued": [("evaluation", "evaluation.tasks.grade", ids("gate"))],
    "gate.finished": [("curation", "serving.tasks.create_release", ids("gate"))],
}

SWEEPS: dict[str, dict[str, Any]] = {
    "screen-what-waits": {
        "task": "curation.screening.tasks.sweep",
        "schedule": 10.0,
        "options": {"queue": "screening"},
    },
    "answer-what-waits": {
        "task": "curation.inquiries.tasks.answer_waiting",
        "schedule": 10.0,
        "options": {"queue": "screening"},
    },
    "forget-inquiries": {
        "task": "curation.inquiries.tasks.expire_inquiries",
        "schedule": 60.0,
        "options": {"queue": "curation"},
    },
    "resume-batches": {
        "task": "curation.batches.tasks.sweep_batches",
        "schedule": 10.0,
        "options": {"queue": "screening"},
    },
    "resume-runs": {"task": "training.tasks.sweep", "schedule": 15.0, "options": {"queue": "training"}},
    "resume-gates": {"task": "evaluation.tasks.sweep", "schedule": 15.0, "options": {"queue": "evaluation"}},
    "forget-answers": {"task": "serving.tasks.forget_answers", "schedule": 600.0, "options": {"queue": "curation"}},
    "clear-sessions": {"task": "cftapp.tasks.clear_sessions", "schedule": 3600.0, "options": {"queue": "curation"}},
    "forget-attempts": {"task": "cftapp.tasks.forget_attempts", "schedule": 3600.0, "options": {"queue": "curation"}},
    "settle-releases": {"task": "serving.tasks.sweep", "schedule": 15.0, "options": {"queue": "curation"}},
}
for sweep in SWEEPS.values():
    # A sweep that nobody took within its period is replaced by the next one: an idle worker must not wake to a pile.
    sweep["options"]["expires"] = sweep["schedule"]


def wake(event: Announcement) -> None:
    """Ring the doorbell of whatever comes after this event. A broker that is down costs time, never work."""
    for queue, task, arguments in NEXT.get(event.name, []):
        for args in arguments(event):
            try:
                current_app.send_task(task, args=args, queue=queue, retry=False)
            except (OperationalError, RedisError, OSError) as problem:
                log.warning("pipeline.doorbell_failed", task=task, after=event.name, problem=str(problem))


def connect() -> None:
    """Called once, when Django is ready."""
    subscribe(wake)
    current_app.conf.beat_schedule = SWEEPS
