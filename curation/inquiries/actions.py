"""What can happen to an inquiry: asked (web), answered and watched (screener), expired (curator), settled (people)."""

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
from cftapp.base.refusal import Blocked, Refused
from curation.inquiries import rules
from curation.inquiries.rules import Asked
from curation.models import Inquiry, InquiryAlert, InquirySketch, RegistryEpoch

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry

UNANSWERED_AFTER = timedelta(hours=1)
LOCK = 0x1A5C  # advisory: one person's inquiries are counted one after another


class TooOften(Refused):
    """More inquiries than a person may make; `seconds` until the next one is accepted."""

    def __init__(self, limit: int, span: str, seconds: int) -> None:
        self.seconds = seconds
        message = f"These are more than {limit} checks in {span}, the most for one person, on this page and by the API."
        super().__init__(Blocked("prompt", message, f"Try again in {told(seconds)}."))


def told(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 7200 else f"{math.ceil(seconds / 3600)} hours"


@transaction.atomic
def ask_overlap(prompt: str, answer: str = "", *, by: User) -> Inquiry:
    """Store a question to the screener: does this text overlap the exam?

    Refused for an empty or too long text, before the first epoch, while an alert about this person is open, and
    (`TooOften`) above so many in a minute or a day. The rate is counted in PostgreSQL, so every door counts.
    """
    check_text(prompt, answer)
    check_asker(by)
    check_rate(by, timezone.now())
    asked = Inquiry.objects.create(asked_by=by, prompt=prompt, answer=answer, length=len(prompt) + len(answer))
    record("inquiry.asked", by=by, generated=[("inquiry", asked.pk)], detail={"length": asked.length})
    return asked


def check_text(prompt: str, answer: str) -> None:
    if not (prompt + answer).strip():
        raise Refused.because("prompt", "There is no text to check.", "Paste a question, an answer or a passage.")
    if (length := len(prompt) + len(answer)) > rules.LONGEST:
        raise Refused.because(
            "prompt", f"The text has {length:,} characters.", f"At most {rules.LONGEST:,}: check it in parts."
        )


def check_asker(by: User) -> None:
    if RegistryEpoch.objects.current() is None:
        raise Refused.because(
            "prompt", "Nothing is protected yet, so there is nothing to compare with.", "Publish a benchmark first."
        )
    if InquiryAlert.objects.filter(asked_by=by, settled_at=None).exists():
        raise Refused.because(
            "prompt",
            "Your checks look like a search for the exam's text, so they are paused.",
            "Compliance has been told and can lift it.",
        )


def check_rate(by: User, now: datetime) -> None:
    """Refuse above the limits; two requests at once count each other."""
    hold(by.pk)
    mine = Inquiry.objects.filter(asked_by=by).order_by("-asked_at")
    limits = ((rules.A_MINUTE, timedelta(minutes=1), "a minute"), (rules.A_DAY, rules.DAY, "a day"))
    for most, window, span in limits:
        # With `most` of them inside the window, the oldest of those decides when the next one is due.
        full = mine.filter(asked_at__gt=now - window).values_list("asked_at", flat=True)[most - 1 : most]
        for oldest in full:
            raise TooOften(most, span, math.ceil((oldest + window - now).total_seconds()))


def hold(asker_id: int) -> None:
    """One at a time for each person, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, asker_id])


@transaction.atomic
def answer_inquiry(inquiry_id: UUID | str, registry: "Registry", *, by: Actor) -> Inquiry | None:
    """Compare the text with the current epoch, store the answer and forget the text.

    None if it is not waiting any more, or another worker holds it.
    """
    waiting = Inquiry.objects.filter(pk=inquiry_id, state=Inquiry.State.WAITING)
    asked = waiting.select_for_update(skip_locked=True, of=("self",)).first()
    if asked is None:
        return None
    told = rules.reply(registry.check(asked.prompt, asked.answer))
    key = registry_key()
    words = rules.sketch(key, asked.prompt, asked.answer)
    InquirySketch.objects.create(inquiry=asked, words=words.astype("<u8").tobytes())
    asked.text_code = rules.text_code(key, asked.prompt, asked.answer)
    asked.state, asked.answered_at, asked.epoch = Inquiry.State.ANSWERED, timezone.now(), registry.number
    asked.prompt = asked.answer = ""
    asked.verdict, asked.method, asked.score, asked.limit = told.verdict, told.method, told.score, told.limit
    asked.item_id, asked.benchmark = told.item_id, told.benchmark
    asked.spans = [{"field": span.part, "start": span.start, "end": span.end} for span in told.spans]
    asked.save(update_fields=ANSWERED_FIELDS)
    record(
        "inquiry.answered",
        by=by,
        used=[("inquiry", asked.pk), ("epoch", registry.number)],
        detail={"verdict": told.verdict, "method": told.method},
    )
    return asked


ANSWERED_FIELDS = [
    *("state", "prompt", "answer", "answered_at", "epoch", "text_code"),
    *("verdict", "method", "score", "limit", "item_id", "benchmark", "spans"),
]


def registry_key() -> bytes:
    """The key under which texts are remembered: only a process that holds it can answer."""
    key: bytes | None = settings.CFT_REGISTRY_KEY
    assert key is not None  # registry.current() has said so already
    return key


@transaction.atomic
def watch_asker(inquiry_id: UUID | str, *, by: Actor) -> InquiryAlert | None:
    """Raise an alert if the person's inquiries up to this one look like a search for the exam's text."""
    newest = Inquiry.objects.select_related("sketch").get(pk=inquiry_id)
    hold(newest.asked_by_id)
    if InquiryAlert.objects.filter(asked_by=newest.asked_by_id, settled_at=None).exists():
        return None
    found = rules.suspicion(remembered(newest, newest), [remembered(one, newest) for one in before(newest)])
    if found is None:
        return None
    alert = InquiryAlert.objects.create(
        asked_by_id=newest.asked_by_id, inquiry=newest, rule=found.rule, inquiries=found.inquiries
    )
    record(
        "inquiry.suspected",
        by=by,
        used=[("inquiry", newest.pk)],
        generated=[("inquiry_alert", alert.pk)],
        detail={"rule": found.rule, "inquiries": found.inquiries, "asker": newest.asked_by_id},
    )
    return alert


def before(newest: Inquiry) -> list[Inquiry]:
    """The person's other answered inquiries of the day, oldest first: those since compliance last settled an alert."""
    mine = Inquiry.objects.filter(asked_by=newest.asked_by_id, state=Inquiry.State.ANSWERED, sketch__isnull=False)
    since = newest.asked_at - rules.DAY
    last = InquiryAlert.objects.filter(asked_by=newest.asked_by_id).order_by("-settled_at").first()
    if last is not None and last.settled_at is not None:
        since = max(since, last.settled_at)
    recent = mine.filter(Q(asked_at__gt=since), Q(asked_at__lte=newest.asked_at)).exclude(pk=newest.pk)
    return list(recent.select_related("sketch").order_by("asked_at"))


def remembered(one: Inquiry, newest: Inquiry) -> Asked:
    words = np.frombuffer(bytes(one.sketch.words), "<u8").astype(np.uint64)
    return Asked(newest.asked_at - one.asked_at, one.text_code, one.item_id, one.score or 0.0, words)


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
    """Compliance has looked: the person may ask again. Refused if it is settled, or about oneself."""
    alert = InquiryAlert.objects.select_for_update(of=("self",)).filter(pk=alert_id).first()
    if alert is None or alert.settled_at is not None:
        raise Refused.because("alert", "This alert is not open any more.", "Reload the page.")
    if alert.asked_by_id == by.pk:
        raise Refused.because("alert", "It is about your own checks.", "Somebody else has to settle it.")
    alert.settled_by, alert.settled_at = by, timezone.now()
    alert.save(update_fields=["settled_by", "settled_at"])
    record("inquiry_alert.settled", by=by, used=[("inquiry_alert", alert.pk)])
    return alert
