"""The console's pages of feedback: what came in, where from, and on what consent."""

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
from feedback import show_once
from feedback.actions import (
    grant_consent,
    issue_api_key,
    register_source,
    revoke_api_key,
    withdraw_consent,
)
from feedback.actions.submissions import KINDS
from feedback.api import schema_page
from feedback.forms import GrantForm, KeyForm, SourceForm
from feedback.models import CAP, ApiKey, ConsentEntry, Feedback, Lane, Receipt, Source, Subject

PAGE = 50
MATCHES = 20
MARKS = {"bug_report": "bug", "taste_note": "taste"}
SUMMARY = {
    "bug_report": "what_happened",
    "taste_note": "preference",
    "correction": "replacement",
    "comment": "text",
}


# --- what came in ---
@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list. `text` is empty where the words are in the vault, or were erased.

    It leads to the pair that was made of it, or to its case while that is open.
    """

    receipt: Receipt
    mark: str
    text: str
    pair: uuid.UUID | None
    case: int | None


@role_required("reviewer", "lead", "engineer", "compliance", "admin")
@require_safe
def feedback(request: HttpRequest) -> HttpResponse:
    """All feedback, newest first, a page by its last row: nothing is counted beyond 10,000."""
    kind, lane = request.GET.get("kind", ""), request.GET.get("lane", "")
    query = Receipt.objects.select_related("interaction__subject", "interaction__source")
    query = query.defer("interaction__prompt", "interaction__answer")
    if kind in Receipt.Kind.values:
        query = query.filter(kind=kind)
    if lane in Lane.values:
        query = query.filter(interaction__lane=lane)
    rows = list(query.older_than(request.GET.get("before", ""))[: PAGE + 1])
    counts = Receipt.objects.capped_counts()
    context = {
        "lines": lines(rows[:PAGE]),
        "next": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "kind": kind,
        "lane": lane,
        "kinds": [(name, label, MARKS.get(name, name), counts[name]) for name, label in Receipt.Kind.choices],
        "lanes": Lane.choices,
        "total": sum(counts.values()),
        "cap": CAP,
        "before": request.GET.get("before", ""),
    }
    return render(request, "feedback/list.html", context)


def lines(receipts: list[Receipt]) -> list[Line]:
    """Receipts with the words that the default database holds: one query a kind on the page."""
    found: dict[uuid.UUID, Feedback] = {}
    for kind in {receipt.kind for receipt in receipts}:
        keys = [receipt.pk for receipt in receipts if receipt.kind == kind]
        joins = ("case", "pair") if kind == "correction" else ("case",)
        found |= KINDS[kind]._default_manager.select_related(*joins).in_bulk(keys)
    return [line(receipt, found.get(receipt.pk)) for receipt in receipts]


def line(receipt: Receipt, given: Feedback | None) -> Line:
    case, pair = getattr(given, "case", None), getattr(given, "pair", None)
    return Line(
        receipt,
        MARKS.get(receipt.kind, receipt.kind),
        summary(receipt, given),
        pair=pair.pk if pair else None,
        case=case.pk if case and case.state == "open" else None,
    )


def summary(receipt: Receipt, given: Feedback | None) -> str:
    if given is None:
        return ""
    rating = getattr(given, "rating", "")
    words = getattr(given, SUMMARY[receipt.kind])
    return " · ".join(part for part in (rating, words) if part)


# --- where it comes from ---
@role_required("admin")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sources(request: HttpRequest) -> HttpResponse:
    """Sources and their keys; a POST registers another source."""
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source = register_source(**form.cleaned_data, by=account(request))
        except Refused as refused:
            refused.mark(form)
        else:
            messages.success(request, f"{source.title} may send feedback once it has a key.")
            return redirect("feedback:sources")
    shown = {}
    if request.method == "GET" and (waiting := show_once.take(request.user.pk)):
        pk, token = waiting
        shown = {"issued": ApiKey.objects.select_related("source").get(pk=pk), "token": token}
    return sources_page(request, form=form, **shown)


@role_required("admin")
@require_POST
@never_cache
def issue_key(request: HttpRequest, pk: int) -> HttpResponse:
    """A new key. The page after this one shows its token, once: loading that again shows and issues nothing."""
    source = get_object_or_404(Source, pk=pk)
    form = KeyForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["label"])))
        return redirect("feedback:sources")
    try:
        key, token = issue_api_key(source, form.cleaned_data["label"], by=account(request))
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("feedback:sources")
    if show_once.keep(request.user.pk, key.pk, token):
        return redirect("feedback:sources")
    return sources_page(request, issued=key, token=token)


@role_required("admin")
@require_POST
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(ApiKey, pk=pk)
    try:
        revoke_api_key(key, by=account(request))
        messages.success(request, f"{key.label} is refused from now on.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("feedback:sources")


def sources_page(request: HttpRequest, **context: Any) -> HttpResponse:
    form = context.pop("form", None) or SourceForm()
    listed = Source.objects.prefetch_related("api_keys").order_by("title")
    context |= {"form": form, "sources": listed, "key_form": KeyForm(auto_id=False)}
    return render(request, "feedback/sources.html", context, status=422 if form.errors else 200)


# --- on what consent ---
@role_required("compliance")
@require_safe
def consent(request: HttpRequest) -> HttpResponse:
    """The ledger, newest first; or, searched by label, subjects with their lines."""
    wanted = request.GET.get("q", "").strip()
    context: dict[str, Any] = {"q": wanted, "form": GrantForm(auto_id="grant_%s")}
    if wanted:
        found = Subject.objects.labelled(wanted).select_related("source").with_consent()
        context["subjects"] = found.prefetch_related("consent_entries")[:MATCHES]
        context["most"] = MATCHES
    else:
        entries = ConsentEntry.objects.select_related("subject__source").order_by("-id")
        context["entries"] = entries[:PAGE]
    return render(request, "feedback/consent.html", context)


@role_required("compliance")
@require_POST
def grant(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Record a grant that the subject gave by another way."""
    subject = get_object_or_404(Subject, pk=pk)
    form = GrantForm(request.POST)
    if form.is_valid():
        try:
            grant_consent(subject, **form.cleaned_data, by=account(request))
            messages.success(request, f"Recorded: {subject.label} allows training.")
        except Refused as refused:
            refused.mark(form)
    for name, problems in form.errors.items():
        messages.error(request, f"{name}: {' '.join(map(str, problems))}")
    return back_to(subject)


@role_required("compliance")
@require_POST
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Record a withdrawal that reached us by another way."""
    subject = get_object_or_404(Subject, pk=pk)
    withdraw_consent(subject, by=account(request))
    messages.success(request, f"Recorded: {subject.label} allows training no longer. What learnt from it is marked.")
    return back_to(subject)


def back_to(subject: Subject) -> HttpResponse:
    return redirect(f"{redirect('feedback:consent').url}?q={subject.label}")


# --- the API, to read ---
@require_safe
def api_reference(request: HttpRequest) -> HttpResponse:
    """The API's operations, from its own schema; without scripts."""
    operations = schema_page.operations()
    keyed = [one for one in operations if one.needs_key]  # an interaction comes before what is said about it
    groups = [
        ("For applications, with the key of a source", sorted(keyed, key=lambda one: "interactions" not in one.path)),
        ("For people, with the session of whoever is signed in", [one for one in operations if not one.needs_key]),
    ]
    base = request.build_absolute_uri("/").rstrip("/")
    return render(request, "feedback/api.html", {"groups": groups, "example": schema_page.example(base)})
