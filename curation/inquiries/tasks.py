"""Celery's door to inquiries: answered by the screener, forgotten by the curator if it does not come."""

from celery import shared_task
from django.utils import timezone

from cftapp.base.actors import CURATOR, SCREENER
from curation.inquiries import actions
from curation.models import Inquiry
from curation.screening.tasks import BATCH, log, opened_registry


@shared_task(name="curation.inquiries.tasks.answer")
def answer(inquiry_id: str) -> None:
    """Answer one inquiry, then look at what else its asker wanted to know."""
    epoch = opened_registry()
    if epoch is not None and actions.answer_inquiry(inquiry_id, epoch, by=SCREENER):
        actions.watch_asker(inquiry_id, by=SCREENER)


@shared_task(name="curation.inquiries.tasks.answer_waiting")
def answer_waiting() -> None:
    """Inquiries whose doorbell was lost, oldest first; one that cannot be answered does not stop the others."""
    waiting = Inquiry.objects.filter(state=Inquiry.State.WAITING).order_by("asked_at")
    for inquiry_id in list(waiting.values_list("pk", flat=True)[:BATCH]):
        try:
            answer(str(inquiry_id))
        except Exception as problem:  # noqa: BLE001 - it waits until it expires, and its text is in no log
            log.warning("inquiry.failed", inquiry=str(inquiry_id), problem=type(problem).__name__)
    actions.forget_sketches(timezone.now(), by=SCREENER)


@shared_task(name="curation.inquiries.tasks.expire_inquiries")
def expire_inquiries() -> None:
    """On the curator's queue, so that a text is forgotten also while no screener runs."""
    actions.expire_inquiries(timezone.now(), by=CURATOR)
