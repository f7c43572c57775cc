"""The console's pages of feedback: what was given, from which sources, and on what consent."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cftapp.base.accounts import account, role_required
from cftapp.base.refusal import Refused
from conversation.lines import Line, line_of
from feedback.actions import (
    grant_consent,
    issue_api_key,
    register_source,
    revoke_api_key,
    withdraw_consent,
)
from feedback.console import api_reference as reference
from feedback.console import one_time_secret
from feedback.console.forms import GrantForm, KeyForm, SourceForm
from feedback.models import (
    CAP,
    KINDS,
    WORDS,
    ApiKey,
    ConsentEntry,
    Correction,
    Feedback,
    Lane,
    LastQuestion,
    Receipt,
    Source,
    Subject,
)

PAGE_SIZE = 50
MAX_SUBJECTS = 20
MARKS = {"bug_report": "bug", "taste_note": "taste"}
SUMMARY_FIELDS = {
    "bug_report": "what_happened",
    "taste_note": "preference",
    "comment": "text",
}


# --- all feedback ---
@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """A row of the list of feedback. `said` is None where the words are in the vault, or were erased.

    The row links to the pair that was made of it, or to its case while that is open.
    """

    receipt: Receipt
    mark: str
    said: Line | None
    pair: uuid.UUID | None
    case: int | None


@role_required("reviewer", "lead", "engineer", "compliance", "admin")
@require_safe
def feedback(request: HttpRequest) -> HttpResponse:
    """All feedback, newest first, paged by the last row's id: nothing is counted beyond 10,000."""
    kind, lane = request.GET.get("kind", ""), request.GET.get("lane", "")
    query = Receipt.objects.select_related("interaction__subject", "interaction__source")
    query = query.annotate(question=LastQuestion("interaction__"))
    query = query.defer(*(f"interaction__{column}" for column in WORDS))
    if kind in Receipt.Kind.values:
        query = query.filter(kind=kind)
    if lane in Lane.values:
        query = query.filter(interaction__lane=lane)
    receipts = list(query.older_than(request.GET.get("before", ""))[: PAGE_SIZE + 1])
    counts = Receipt.objects.capped_counts()
    context = {
        "rows": feedback_rows(receipts[:PAGE_SIZE]),
        "next": receipts[PAGE_SIZE - 1].pk if len(receipts) > PAGE_SIZE else None,
        "kind": kind,
        "lane": lane,
        "kinds": [(name, label, MARKS.get(name, name), counts[name]) for name, label in Receipt.Kind.choices],
        "lanes": Lane.choices,
        "total": sum(counts.values()),
        "cap": CAP,
        "before": request.GET.get("before", ""),
    }
    return render(request, "feedback/console/feedback.html", context)


def feedback_rows(receipts: list[Receipt]) -> list[FeedbackRow]:
    """Receipts with the texts that the default database holds: a query for each kind on the page."""
    feedback_by_id: dict[uuid.UUID, Feedback] = {}
    for kind in {receipt.kind for receipt in receipts}:
        ids = [receipt.pk for receipt in receipts if receipt.kind == kind]
        joins = ("case", "pair") if kind == "correction" else ("case",)
        feedback_by_id |= KINDS[kind]._default_manager.select_related(*joins).in_bulk(ids)
    return [feedback_row(receipt, feedback_by_id.get(receipt.pk)) for receipt in receipts]


def feedback_row(receipt: Receipt, stored: Feedback | None) -> FeedbackRow:
    """`stored` is None where the feedback is in the vault."""
    case, pair = getattr(stored, "case", None), getattr(stored, "pair", None)
    return FeedbackRow(
        receipt,
        MARKS.get(receipt.kind, receipt.kind),
        summary(receipt, stored),
        pair=pair.pk if pair else None,
        case=case.pk if case and case.state == "open" else None,
    )


def summary(receipt: Receipt, stored: Feedback | None) -> Line | None:
    """What the person wrote; of a correction also what it calls."""
    if isinstance(stored, Correction):
        return line_of(stored.replacement, stored.replacement_message) if stored.replacement else None
    if stored is None:
        return None
    rating = getattr(stored, "rating", "")
    text = getattr(stored, SUMMARY_FIELDS[receipt.kind])
    words = " · ".join(part for part in (rating, text) if part)
    return Line(words) if words else None


# --- sources and their API keys ---
@role_required("admin")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sources(request: HttpRequest) -> HttpResponse:
    """Sources and their keys; a POST registers another source."""
    if request.method == "POST":
        return register(request)
    issued: dict[str, Any] = {}
    if request.method == "GET" and (stored := one_time_secret.pop(request.user.pk)):
        api_key_id, token = stored
        issued = {"issued": ApiKey.objects.select_related("source").get(pk=api_key_id), "token": token}
    return sources_page(request, **issued)


def register(request: HttpRequest) -> HttpResponse:
    form = SourceForm(request.POST)
    if not form.is_valid():
        return sources_page(request, status=422, form=form)
    try:
        source = register_source(**form.cleaned_data, by=account(request))
    except Refused as refused:
        refused.mark(form)
        return sources_page(request, status=refused.status, form=form)
    messages.success(request, f"{source.title} may send feedback once it has a key.")
    return redirect("feedback:sources")


@role_required("admin")
@require_POST
@never_cache
def issue_key(request: HttpRequest, pk: int) -> HttpResponse:
    """A new key. The page after this one shows its token, once: loading that again shows and issues nothing."""
    source = get_object_or_404(Source, pk=pk)
    form = KeyForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(problem) for problems in form.errors.values() for problem in problems))
        return redirect("feedback:sources")
    try:
        api_key, token = issue_api_key(source, **form.cleaned_data, by=account(request))
    except Refused as refused:
        messages.error(request, refused.words)
        return redirect("feedback:sources")
    if one_time_secret.store(request.user.pk, api_key.pk, token):
        return redirect("feedback:sources")
    return sources_page(request, issued=api_key, token=token)


@role_required("admin")
@require_POST
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    api_key = get_object_or_404(ApiKey, pk=pk)
    try:
        revoke_api_key(api_key, by=account(request))
        messages.success(request, f"{api_key.label} is refused from now on.")
    except Refused as refused:
        messages.error(request, refused.words)
    return redirect("feedback:sources")


def sources_page(
    request: HttpRequest, *, status: int = 200, form: SourceForm | None = None, **issued: Any
) -> HttpResponse:
    context = {
        "form": form or SourceForm(),
        "sources": Source.objects.prefetch_related("api_keys").order_by("title"),
        "key_form": KeyForm(auto_id=False),
        **issued,
    }
    return render(request, "feedback/console/sources.html", context, status=status)


# --- the consent ledger ---
@role_required("compliance")
@require_safe
def consent(request: HttpRequest) -> HttpResponse:
    """The ledger, newest first; or, searched by label, subjects with their entries."""
    label = request.GET.get("q", "").strip()
    context: dict[str, Any] = {"q": label}
    if label:
        subjects = Subject.objects.labelled(label).select_related("source").with_consent()
        subjects = subjects.prefetch_related("consent_entries__wording")[:MAX_SUBJECTS]
        context["subjects"] = [(one, GrantForm(source=one.source, auto_id=f"grant_{one.pk}_%s")) for one in subjects]
        context["max_subjects"] = MAX_SUBJECTS
    else:
        entries = ConsentEntry.objects.select_related("subject__source", "wording").order_by("-id")
        context["entries"] = entries[:PAGE_SIZE]
    return render(request, "feedback/console/consent.html", context)


@role_required("compliance")
@require_POST
def grant(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Record a grant that the subject gave outside the API."""
    subject = get_object_or_404(Subject.objects.select_related("source"), pk=pk)
    form = GrantForm(request.POST, source=subject.source)
    if form.is_valid():
        try:
            grant_consent(subject, **form.cleaned_data, by=account(request))
            messages.success(request, f"Recorded: {subject.label} allows training.")
        except Refused as refused:
            refused.mark(form)
    for name, problems in form.errors.items():
        messages.error(request, f"{name}: {' '.join(map(str, problems))}")
    return redirect_to_subject(subject)


@role_required("compliance")
@require_POST
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Record a withdrawal that reached us outside the API."""
    subject = get_object_or_404(Subject, pk=pk)
    withdraw_consent(subject, by=account(request))
    messages.success(request, f"Recorded: {subject.label} allows training no longer. What learnt from it is marked.")
    return redirect_to_subject(subject)


def redirect_to_subject(subject: Subject) -> HttpResponse:
    return redirect(f"{redirect('feedback:consent').url}?q={subject.label}")


# --- the API reference ---
@require_safe
def api_reference(request: HttpRequest) -> HttpResponse:
    """The API's operations, from its own schema; without scripts."""
    operations = reference.operations()
    for_applications = [operation for operation in operations if operation.needs_key]
    # An interaction comes before the feedback on it.
    for_applications.sort(key=lambda operation: "interactions" not in operation.path)
    groups = [
        ("For applications, with the key of a source", for_applications),
        (
            "For people, with the session of whoever is signed in",
            [operation for operation in operations if not operation.needs_key],
        ),
    ]
    base_url = request.build_absolute_uri("/").rstrip("/")
    context = {
        "groups": groups,
        "examples": reference.examples(base_url, reference.EXAMPLES),
        "conversation": reference.examples(base_url, reference.CONVERSATION),
    }
    return render(request, "feedback/console/api_reference.html", context)
