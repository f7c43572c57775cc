"""Pages for visitors: give feedback on an answer, see what one gave, withdraw consent. No account is needed.

Nothing here depends on the lane: the texts shown are those the visitor's own browser was sent a while ago, and what
was given is listed by receipts.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cftapp.base.accounts import account, has_role
from cftapp.base.actors import VISITOR, Actor
from cftapp.base.refusal import Refused
from conversation.words import words_of
from feedback.actions import (
    grant_consent,
    link_account,
    submit_bug_report,
    submit_correction,
    submit_taste_note,
    withdraw_consent,
)
from feedback.mailbox import MailboxClosed
from feedback.models import WORDS, ConsentWording, Feedback, Interaction, Receipt, Subject
from feedback.visitors.forms import FORMS, FeedbackForm, form_panels
from feedback.visitors.sessions import (
    Exchange,
    cache_feedback_text,
    cached_exchange,
    cached_texts,
    conversation_url,
    feedback_url,
    visitor_subject,
)

MAX_ROWS = 100
NOT_WRITTEN = {"consent", "reason", "aspect"}
SUBMIT: dict[str, Callable[..., Feedback]] = {
    "bug_report": submit_bug_report,
    "taste_note": submit_taste_note,
    "correction": submit_correction,
}


@dataclass(frozen=True, slots=True)
class SentFeedback:
    """A row of the list of what a visitor gave, with the texts that are still kept."""

    receipt: Receipt
    exchange: Exchange | None
    text: str


# --- give feedback ---
@cache_control(max_age=0, no_cache=True, must_revalidate=True, private=True)  # not no-store: Back keeps what is typed
@require_http_methods(["GET", "HEAD", "POST"])
def give(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The forms of the three kinds, for the visitor who was answered, or a reviewer."""
    found = accessible_interaction(request, pk)
    if found is None:
        return not_known(request)
    interaction, is_owner = found
    exchange = cached_exchange(pk) if is_owner else stored_exchange(interaction)
    if request.method == "POST":
        return submit(request, interaction, is_owner, exchange)
    return feedback_page(request, interaction, is_owner, exchange, None)


def accessible_interaction(request: HttpRequest, pk: uuid.UUID) -> tuple[Interaction, bool] | None:
    """The interaction, and whether it is the visitor's own. None for anyone else but reviewers."""
    interaction = Interaction.objects.filter(pk=pk).select_related("subject", "source").first()
    if interaction is None:
        return None
    subject = visitor_subject(request)
    is_owner = subject is not None and subject.pk == interaction.subject_id
    if not is_owner and not has_role(request.user, "reviewer", "lead"):
        return None
    return interaction, is_owner


def not_known(request: HttpRequest) -> HttpResponse:
    """404, the same whether there is such an answer or not; what was posted is given back to whoever wrote it."""
    written = list(written_in(request.POST)) if request.method == "POST" else []
    return render(request, "feedback/visitors/not_known.html", {"written": written}, status=404)


def written_in(sent: QueryDict) -> Iterator[tuple[str, str]]:
    """The texts of a form that was sent, with their labels."""
    form_class = FORMS.get(sent.get("door", ""))
    if form_class is None:
        return
    for name in sent:
        kind, _, field_name = name.partition("-")
        text = str(sent[name])
        if kind == form_class.kind and field_name not in NOT_WRITTEN and text.strip():
            field = form_class.base_fields.get(field_name)
            yield str(field.label) if field else "Arguments of a call", text


def stored_exchange(interaction: Interaction) -> Exchange | None:
    """The exchange as the default database holds it: None in the held-out lane."""
    return None if interaction.is_held_out else Exchange(interaction.asked, interaction.answered)


def submit(request: HttpRequest, interaction: Interaction, is_owner: bool, exchange: Exchange | None) -> HttpResponse:
    form_class = FORMS.get(request.POST.get("door", ""))
    if form_class is None:
        messages.error(request, "Choose one of the three doors.")
        return redirect("feedback:give", pk=interaction.pk)
    form = form_class(request.POST, exchange=exchange, wording=wording_for(interaction, is_owner))
    feedback = send_as(request, form, interaction, is_owner) if form.is_valid() else None
    if feedback is None:
        return feedback_page(request, interaction, is_owner, exchange, form)
    if is_owner:
        cache_feedback_text(feedback.pk, form.written)
    messages.success(request, "Thank you. Your feedback was sent.")
    return redirect("feedback:mine" if is_owner else "feedback:list")


def send_as(request: HttpRequest, form: FeedbackForm, interaction: Interaction, is_owner: bool) -> Feedback | None:
    """Submit a valid form for the visitor whose interaction it is, or for a reviewer."""
    if not is_owner:
        return send(form, interaction, account(request))
    signed_in = request.user if isinstance(request.user, User) else None
    return send(form, interaction, VISITOR, visitor_account=signed_in)


def send(
    form: FeedbackForm, interaction: Interaction, by: Actor, *, visitor_account: User | None = None
) -> Feedback | None:
    """Submit a valid form; None, with the reasons added to the form, if it was refused.

    A box on the page is ticked now, and so grants after a withdrawal too. A visitor who is signed in is noted:
    `visitor_account` may not accept what it files.
    """
    ticked = {"consent_given_at": timezone.now()} if form.cleaned_data.get("consent") else {}
    try:
        with transaction.atomic():
            feedback = SUBMIT[form.kind](interaction.pk, **form.cleaned_data, **ticked, by=by)
            if visitor_account:
                link_account(interaction.subject, by=visitor_account)
        return feedback
    except Refused as refused:
        refused.mark(form)
    except MailboxClosed:
        form.add_error(None, "This could not be stored just now. Please send it again in a moment.")
    return None


def wording_for(interaction: Interaction, is_owner: bool) -> ConsentWording | None:
    """What stands beside the consent box: only the person whose words these are may tick it."""
    return ConsentWording.objects.current(interaction.source) if is_owner else None


def feedback_page(
    request: HttpRequest,
    interaction: Interaction,
    is_owner: bool,
    exchange: Exchange | None,
    bound: FeedbackForm | None,
) -> HttpResponse:
    context = {
        "interaction": interaction,
        "playground": conversation_url(interaction.pk) if is_owner else "",
        "is_owner": is_owner,
        "said": words_of(exchange.asked, exchange.answered, None, whole="whole" in request.GET) if exchange else None,
        "whole": f"{feedback_url(interaction.pk)}?whole=1",
        "panels": form_panels(exchange, wording=wording_for(interaction, is_owner), bound=bound),
    }
    return render(request, "feedback/visitors/give_feedback.html", context, status=422 if bound else 200)


# --- what the visitor gave ---
@never_cache
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """What this visitor gave, and whether models may be trained on it."""
    subject = visitor_subject(request)
    context: dict[str, Any] = {"subject": subject, "sent": [], "entry": None, "playground": reverse("playground")}
    if subject:
        context["wording"] = ConsentWording.objects.current(subject.source)
        receipts = Receipt.objects.visible_to(subject).select_related("interaction")
        receipts = receipts.defer(*(f"interaction__{column}" for column in WORDS))  # what is shown is in the cache
        context["sent"] = sent_feedback(receipts.order_by("-created_at", "-id")[:MAX_ROWS])
        if context["sent"]:
            context["playground"] = conversation_url(context["sent"][0].receipt.interaction_id)
        context["entry"] = subject.consent_entries.select_related("wording").order_by("-id").first()
        context["consents"] = Subject.objects.filter(pk=subject.pk).consented().exists()
    return render(request, "feedback/visitors/my_feedback.html", context)


def sent_feedback(query: Iterable[Receipt]) -> list[SentFeedback]:
    """What was given, with the texts that are still kept: they come from the cache in both lanes alike."""
    receipts = list(query)
    cached = cached_texts([receipt.pk for receipt in receipts], {receipt.interaction_id for receipt in receipts})
    return [
        SentFeedback(
            receipt,
            cached.exchanges.get(receipt.interaction_id),
            cached.feedback_texts.get(receipt.pk, ""),
        )
        for receipt in receipts
    ]


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Withdraw consent, or grant it again, in one click."""
    subject = visitor_subject(request)
    if subject is None:
        messages.error(request, "There is nothing of yours here to decide about.")
    elif request.POST.get("decision") == "grant":
        try:
            grant_consent(subject, wording_version=request.POST.get("wording", ""), by=VISITOR)
            messages.success(request, "Models may be trained on your corrections.")
        except Refused:
            messages.error(request, "Nothing was changed. Read what you would allow, and allow it there.")
    elif request.POST.get("decision") == "withdraw":
        withdraw_consent(subject, by=VISITOR)
        messages.success(
            request, "Withdrawn. Your corrections leave every future dataset; models that learnt are marked."
        )
    return redirect("feedback:mine")
