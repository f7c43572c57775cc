"""Benchmarks: what is examined, and uploads of new versions. No page shows an item. Views validate, actions execute."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.refusal import Refused
from evaluation.benchmarks import actions, affected
from evaluation.forms import ProposalForm
from evaluation.models import Benchmark, BenchmarkVersion, GateResult, Proposal, WeakItem
from feedback.mailbox import MailboxClosed

LISTED = 200
"""Items that are listed one by one at most; the counts are of all."""


@require_GET
@role_required(*ROLES)
def benchmarks(request: HttpRequest) -> HttpResponse:
    return benchmarks_page(request, ProposalForm())


def benchmarks_page(request: HttpRequest, form: ProposalForm, status: int = 200) -> HttpResponse:
    newest = BenchmarkVersion.objects.order_by("benchmark_id", "-number").distinct("benchmark_id")
    versions = newest.select_related("benchmark", "published_by")
    context = {
        "versions": sorted(versions, key=lambda version: (version.benchmark.kind, version.benchmark.name)),
        "missing": missing_kinds([version.benchmark for version in versions]),
        "form": form,
        "may_propose": has_role(request.user, "examiner"),
        **uploads(),
    }
    return render(request, "evaluation/benchmarks/benchmarks.html", context, status=status)


def missing_kinds(published: list[Benchmark]) -> list[str]:
    kinds = {benchmark.kind for benchmark in published}
    return [kind.label.lower() for kind in Benchmark.Kind if kind not in kinds]


def uploads() -> dict[str, Any]:
    newest = Proposal.objects.select_related("version__benchmark", "proposed_by").order_by("-proposed_at")[:8]
    return {"proposals": newest, "waiting": any(upload.in_work for upload in newest)}


@require_GET
@role_required(*ROLES)
def proposals(request: HttpRequest) -> HttpResponse:
    """What changes while the evaluator publishes an upload; polled."""
    context = uploads()
    ended = not context["waiting"]
    answer = render(
        request, "evaluation/benchmarks/proposals.html", context, status=HTMX_STOP_POLLING if ended else 200
    )
    if ended:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@role_required("examiner")
def propose(request: HttpRequest) -> HttpResponse:
    form = ProposalForm(request.POST, request.FILES)
    if form.is_valid() and send(form, account(request)):
        messages.success(request, "The items are in the vault's mailbox; the evaluator publishes them.")
        return redirect("evaluation:benchmarks")
    return benchmarks_page(request, form, status=422)


@require_GET
@role_required(*ROLES)
def proposal(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An upload, what its items were compared with, and, if they overlap with stored rows, the decision about it."""
    about = Proposal.objects.select_related("reverse_check", "version__benchmark", "proposed_by", "decided_by")
    upload = get_object_or_404(about, pk=pk)
    context = {
        "proposal": upload,
        "found": affected.reached(upload.reverse_check) if upload.reverse_check else None,
        "may_decide": has_role(request.user, "examiner") and upload.state == Proposal.State.OVERLAPPING,
    }
    return render(request, "evaluation/benchmarks/proposal.html", context)


@require_POST
@role_required("examiner")
def decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    try:
        decided = actions.decide_proposal(
            get_object_or_404(Proposal, pk=pk), request.POST.get("decision", ""), by=account(request)
        )
    except Refused as refused:
        messages.error(request, refused.words)
    else:
        messages.success(request, f"Decided: {decided.get_decision_display().lower()}.")
    return redirect("evaluation:proposal", pk)


def send(form: ProposalForm, by: User) -> bool:
    data = form.cleaned_data
    try:
        actions.propose_benchmark(
            data["name"],
            data["title"],
            data["kind"],
            data["file"],
            scorer=data["scorer"],
            margin=data["points"] / 100,
            by=by,
        )
    except Refused as refused:
        name_fields(form, refused)
        return False
    except MailboxClosed as closed:
        form.add_error(None, f"{closed} Nothing was kept; try again in a moment.")
        return False
    return True


def name_fields(form: Form, refused: Refused) -> None:
    """Show each reason beside its field; those about a line belong to the file."""
    for blocked in refused.blockers:
        if blocked.field in form.fields:
            form.add_error(blocked.field, str(blocked))
        else:
            form.add_error("file" if "file" in form.fields else None, f"{blocked.field}: {blocked}")


@require_GET
@role_required(*ROLES)
def benchmark(request: HttpRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(Benchmark, pk=pk)
    versions = shown.versions.select_related("published_by").annotate(exams=Count("gates")).order_by("-number")
    results = GateResult.objects.filter(version__benchmark=shown).select_related("gate", "version__benchmark")
    context = {"benchmark": shown, "versions": versions, "results": results.order_by("-gate_id", "-opponent")[:20]}
    return render(request, "evaluation/benchmarks/benchmark.html", context | protection(shown))


def protection(shown: Benchmark) -> dict[str, Any]:
    """How the newest version's items are protected: by n-grams, or word for word alone, and which these are."""
    newest = shown.versions.order_by("-number").first()
    weak = newest.weak_items.all() if newest else WeakItem.objects.none()
    reasons = dict(weak.order_by("why").values_list("why").annotate(count=Count("pk")))
    return {
        "newest": newest,
        "weak": weak[:LISTED],
        "weak_count": sum(reasons.values()),
        "strong_count": (newest.items if newest else 0) - sum(reasons.values()),
        "reasons": [(WeakItem.Why(why).label, count) for why, count in sorted(reasons.items())],
    }
