"""The writes of inquiries: asked (web), answered and watched (screener), expired (curator), settled (compliance)."""

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from audit.actions import record
from cftapp.base.actors import Actor
from cftapp.base.refusal import Blocked, Conflict, Forbidden, Refused
from curation.inquiries import rules
from curation.inquiries.rules import PastInquiry
from curation.models import Inquiry, InquiryAlert, InquirySketch, RegistryEpoch

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry

UNANSWERED_AFTER = timedelta(hours=1)
LOCK = 0x1A5C  # advisory: one person's inquiries are counted one after another


class TooOften(Refused):
    """More inquiries than a person may make; `seconds` until the next one is accepted."""

    status = 429

    def __init__(self, limit: int, span: str, seconds: int) -> None:
        self.seconds = seconds
        message = f"These are more than {limit} checks in {span}, the most for one person, on this page and by the API."
        super().__init__(Blocked("prompt", message, f"Try again in {duration_words(seconds)}."))


def duration_words(seconds: int) -> str:
    """A time to wait, as people read it: "90 seconds", "5 minutes", "3 hours"."""
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 7200 else f"{math.ceil(seconds / 3600)} hours"


@transaction.atomic
def ask_overlap(prompt: str, answer: str = "", *, by: User) -> Inquiry:
    """Store a question to the screener: does this text overlap the exam?

    Refused for an empty or too long text, Conflict before the first epoch and while an alert about this person is open,
    TooOften above so many in a minute or a day. The rate is counted in PostgreSQL, so page and API count together.
    """
    check_text(prompt, answer)
    check_asker(by)
    check_rate(by, timezone.now())
    inquiry = Inquiry.objects.create(asked_by=by, prompt=prompt, answer=answer, length=len(prompt) + len(answer))
    record("inquiry.asked", by=by, generated=[("inquiry", inquiry.pk)], detail={"length": inquiry.length})
    return inquiry


def check_text(prompt: str, answer: str) -> None:
    if not (prompt + answer).strip():
        raise Refused.because("prompt", "There is no text to check.", "Paste a question, an answer or a passage.")
    if (length := len(prompt) + len(answer)) > rules.LONGEST:
        raise Refused.because(
            "prompt",
            f"The text has {length:,} characters, more than {rules.LONGEST:,}.",
            "Check it in parts.",
        )


def check_asker(by: User) -> None:
    if RegistryEpoch.objects.current() is None:
        raise Conflict.because(
            "prompt", "Nothing is protected yet, so there is nothing to compare with.", "Publish a benchmark first."
        )
    if InquiryAlert.objects.filter(asked_by=by, settled_at=None).exists():
        raise Conflict.because(
            "prompt",
            "Your checks look like a search for the exam's text, so they are paused.",
            "Ask compliance to settle the alert that was raised about it.",
        )


def check_rate(by: User, now: datetime) -> None:
    """Refuse above the limits; two requests at once count each other."""
    lock_asker(by.pk)
    own_inquiries = Inquiry.objects.filter(asked_by=by).order_by("-asked_at")
    limits = ((rules.A_MINUTE, timedelta(minutes=1), "a minute"), (rules.A_DAY, rules.DAY, "a day"))
    for most, window, span in limits:
        # With `most` of them inside the window, the oldest of those decides when the next one is due.
        full = own_inquiries.filter(asked_at__gt=now - window).values_list("asked_at", flat=True)[most - 1 : most]
        for oldest in full:
            raise TooOften(most, span, math.ceil((oldest + window - now).total_seconds()))


def lock_asker(asker_id: int) -> None:
    """Serialise the inquiries of a person until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, asker_id])


@transaction.atomic
def answer_inquiry(inquiry_id: UUID | str, registry: "Registry", *, by: Actor) -> Inquiry | None:
    """Compare the text with the current epoch, store the answer and forget the text.

    None if it is not waiting any more, or another worker holds it.
    """
    waiting = Inquiry.objects.filter(pk=inquiry_id, state=Inquiry.State.WAITING)
    inquiry = waiting.select_for_update(skip_locked=True, of=("self",)).first()
    if inquiry is None:
        return None
    reply = rules.reply(rules.compared(registry, inquiry.prompt, inquiry.answer))
    key = registry_key()
    words = rules.sketch(key, inquiry.prompt, inquiry.answer)
    InquirySketch.objects.create(inquiry=inquiry, words=words.astype("<u8").tobytes())
    inquiry.text_code = rules.text_code(key, inquiry.prompt, inquiry.answer)
    inquiry.state, inquiry.answered_at, inquiry.epoch = Inquiry.State.ANSWERED, timezone.now(), registry.number
    inquiry.prompt = inquiry.answer = ""
    for name in ("verdict", "method", "score", "limit", "item_id", "benchmark"):
        setattr(inquiry, name, getattr(reply, name))
    inquiry.spans = [{"field": span.part, "start": span.start, "end": span.end} for span in reply.spans]
    inquiry.save(update_fields=ANSWERED_FIELDS)
    record(
        "inquiry.answered",
        by=by,
        used=[("inquiry", inquiry.pk), ("epoch", registry.number)],
        detail={"verdict": reply.verdict, "method": reply.method},
    )
    return inquiry


ANSWERED_FIELDS = [
    *("state", "prompt", "answer", "answered_at", "epoch", "text_code"),
    *("verdict", "method", "score", "limit", "item_id", "benchmark", "spans"),
]


def registry_key() -> bytes:
    """The key under which texts are remembered: only a process that holds it can answer."""
    key: bytes | None = settings.CFT_REGISTRY_KEY
    assert key is not None  # an opened registry had it
    return key


@transaction.atomic
def watch_asker(inquiry_id: UUID | str, *, by: Actor) -> InquiryAlert | None:
    """Raise an alert if the person's inquiries up to this one look like a search for the exam's text."""
    newest = Inquiry.objects.select_related("sketch").get(pk=inquiry_id)
    lock_asker(newest.asked_by_id)
    if InquiryAlert.objects.filter(asked_by=newest.asked_by_id, settled_at=None).exists():
        return None
    earlier = [past_inquiry(inquiry, newest) for inquiry in earlier_inquiries(newest)]
    suspicion = rules.suspicion(past_inquiry(newest, newest), earlier)
    if suspicion is None:
        return None
    alert = InquiryAlert.objects.create(
        asked_by_id=newest.asked_by_id, inquiry=newest, rule=suspicion.rule, inquiries=suspicion.inquiries
    )
    record(
        "inquiry.suspected",
        by=by,
        used=[("inquiry", newest.pk)],
        generated=[("inquiry_alert", alert.pk)],
        detail={"rule": suspicion.rule, "inquiries": suspicion.inquiries, "asker": newest.asked_by_id},
    )
    return alert


def earlier_inquiries(newest: Inquiry) -> list[Inquiry]:
    """The person's other answered inquiries of the day, oldest first: those since compliance last settled an alert."""
    answered = Inquiry.objects.filter(asked_by=newest.asked_by_id, state=Inquiry.State.ANSWERED, sketch__isnull=False)
    since = newest.asked_at - rules.DAY
    last_alert = InquiryAlert.objects.filter(asked_by=newest.asked_by_id).order_by("-settled_at").first()
    if last_alert is not None and last_alert.settled_at is not None:
        since = max(since, last_alert.settled_at)
    recent = answered.filter(Q(asked_at__gt=since), Q(asked_at__lte=newest.asked_at)).exclude(pk=newest.pk)
    return list(recent.select_related("sketch").order_by("asked_at"))


def past_inquiry(inquiry: Inquiry, newest: Inquiry) -> PastInquiry:
    words = np.frombuffer(bytes(inquiry.sketch.words), "<u8").astype(np.uint64)
    age = newest.asked_at - inquiry.asked_at
    return PastInquiry(age, inquiry.text_code, inquiry.item_id, inquiry.score or 0.0, words)


@transaction.atomic
def expire_inquiries(now: datetime, *, by: Actor) -> int:
    """Forget the texts that nobody answered within an hour. Returns how many. Needs no right to read a text."""
    late = Inquiry.objects.filter(state=Inquiry.State.WAITING, asked_at__lte=now - UNANSWERED_AFTER)
    ids = list(late.values_list("pk", flat=True))
    expired = late.filter(pk__in=ids).update(state=Inquiry.State.EXPIRED, prompt="", answer="")
    if expired:
        record("inquiries.expired", by=by, used=[("inquiry", pk) for pk in ids])
    return expired


@transaction.atomic
def forget_sketches(now: datetime, *, by: Actor) -> int:
    """Forget the word hashes of inquiries older than a day: no rule looks at them any more. Returns how many."""
    count, _ = InquirySketch.objects.filter(inquiry__asked_at__lt=now - rules.DAY).delete()
    if count:
        record("inquiries.forgotten", by=by, detail={"sketches": count})
    return count


@transaction.atomic
def settle_alert(alert_id: int, *, by: User) -> InquiryAlert:
    """Close an alert: the person may ask again. Conflict if it is settled already, Forbidden if it is about oneself."""
    alert = InquiryAlert.objects.select_for_update(of=("self",)).filter(pk=alert_id).first()
    if alert is None or alert.settled_at is not None:
        raise Conflict.because("alert", "This alert is not open any more.", "Reload the page.")
    if alert.asked_by_id == by.pk:
        raise Forbidden.because("alert", "This alert is about your own checks.", "Ask somebody else to settle it.")
    alert.settled_by, alert.settled_at = by, timezone.now()
    alert.save(update_fields=["settled_by", "settled_at"])
    record("inquiry_alert.settled", by=by, used=[("inquiry_alert", alert.pk)])
    return alert
