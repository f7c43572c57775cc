"""Pages of whoever was answered: give feedback, see what one gave, withdraw consent. No account is needed.

Nothing here depends on the lane: the texts shown are those the visitor's own browser was sent a while ago, and what
was given is listed by receipts.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cftapp.base.accounts import account, has_role
from cftapp.base.actors import VISITOR, Actor
from cftapp.base.refusal import Refused
from feedback import consent_text
from feedback.actions import (
    grant_consent,
    submit_bug_report,
    submit_correction,
    submit_taste_note,
    withdraw_consent,
)
from feedback.forms import DOORS, DoorForm, doors
from feedback.mailbox import MailboxClosed
from feedback.models import Feedback, Interaction, Receipt, Subject
from feedback.visitors.sessions import Exchange, recall, remember_words, remembered, subject_of

SHOWN = 100
SUBMIT: dict[str, Callable[..., Feedback]] = {
    "bug_report": submit_bug_report,
    "taste_note": submit_taste_note,
    "correction": submit_correction,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One line of what a visitor gave."""

    receipt: Receipt
    said: Exchange | None
    words: str


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def give(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The three doors, for the visitor who was answered, or a reviewer."""
    interaction, is_owner = reachable(request, pk)
    said = remembered(pk) if is_owner else written(interaction)
    if request.method == "POST":
        return submit(request, interaction, is_owner, said)
    return capture_page(request, interaction, is_owner, said, None)


def reachable(request: HttpRequest, pk: uuid.UUID) -> tuple[Interaction, bool]:
    """The interaction, and whether it is the visitor's own; for anyone else there is none."""
    interaction = Interaction.objects.filter(pk=pk).select_related("subject").first()
    if interaction is None:
        raise Http404
    subject = subject_of(request)
    is_owner = subject is not None and subject.pk == interaction.subject_id
    if not is_owner and not has_role(request.user, "reviewer", "lead"):
        raise Http404
    return interaction, is_owner


def written(interaction: Interaction) -> Exchange | None:
    """What the default database holds: the words of the training lane."""
    return None if interaction.is_held_out else Exchange(interaction.prompt, interaction.answer)


def submit(request: HttpRequest, interaction: Interaction, is_owner: bool, said: Exchange | None) -> HttpResponse:
    form_class = DOORS.get(request.POST.get("door", ""))
    if form_class is None:
        messages.error(request, "Choose one of the three doors.")
        return redirect("feedback:give", pk=interaction.pk)
    form = form_class(request.POST, said=said.answer if said else "", may_consent=is_owner)
    given = send(form, interaction, VISITOR if is_owner else account(request)) if form.is_valid() else None
    if given:
        if is_owner:
            remember_words(given.pk, form.cleaned_data[form.words])
        messages.success(request, "Thank you. Your feedback was sent.")
        return redirect("feedback:mine" if is_owner else "feedback:list")
    return capture_page(request, interaction, is_owner, said, form)


def send(form: DoorForm, interaction: Interaction, by: Actor) -> Feedback | None:
    """Hand the form to its action; what speaks against it is added to the form."""
    try:
        return SUBMIT[form.door](interaction.pk, **form.cleaned_data, by=by)
    except Refused as refused:
        for blocker in refused.blockers:
            form.add_error(None, str(blocker))
    except MailboxClosed:
        form.add_error(None, "This could not be stored just now. Please send it again in a moment.")
    return None


def capture_page(
    request: HttpRequest,
    interaction: Interaction,
    is_owner: bool,
    said: Exchange | None,
    bound: DoorForm | None,
) -> HttpResponse:
    context = {
        "interaction": interaction,
        "is_owner": is_owner,
        "said": said,
        "doors": doors(said.answer if said else "", may_consent=is_owner, bound=bound),
    }
    return render(request, "feedback/visitors/give.html", context, status=422 if bound else 200)


@never_cache
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """What this visitor gave, and whether models may be trained on it."""
    subject = subject_of(request)
    context: dict[str, Any] = {"wording": consent_text.CURRENT, "subject": subject, "sent": [], "entry": None}
    if subject:
        given = Receipt.objects.visible_to(subject).select_related("interaction")
        given = given.defer("interaction__prompt", "interaction__answer")
        context["sent"] = sent(given.order_by("-created_at", "-id")[:SHOWN])
        context["entry"] = subject.consent_entries.order_by("-id").first()
        context["consents"] = Subject.objects.filter(pk=subject.pk).consented().exists()
    return render(request, "feedback/visitors/mine.html", context)


def sent(receipts: Iterable[Receipt]) -> list[Sent]:
    """What was given, with the words that are still remembered: they come from the cache in both lanes alike."""
    given = list(receipts)
    memory = recall([receipt.pk for receipt in given], {receipt.interaction_id for receipt in given})
    return [
        Sent(receipt, memory.exchanges.get(receipt.interaction_id), memory.words.get(receipt.pk, ""))
        for receipt in given
    ]


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """One click: withdraw, or allow again."""
    subject = subject_of(request)
    if subject is None:
        messages.error(request, "There is nothing of yours here to decide about.")
    elif request.POST.get("decision") == "grant":
        grant_consent(subject, wording_version=consent_text.CURRENT.version, by=VISITOR)
        messages.success(request, "Models may be trained on your corrections.")
    elif request.POST.get("decision") == "withdraw":
        withdraw_consent(subject, by=VISITOR)
        messages.success(
            request, "Withdrawn. Your corrections leave every future dataset; models that learnt are marked."
        )
    return redirect("feedback:mine")
