"""Gates and waivers: what came of an exam, and who takes responsibility. Views validate, actions execute."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.jobs import Job
from cftapp.base.refusal import Refused
from evaluation.forms import WaiverForm
from evaluation.gates import actions
from evaluation.gates.champion import champion_run
from evaluation.gates.wording import reading_of
from evaluation.models import Gate, Waiver
from training.models import Run

WAIVERS = ("engineer", "lead")
CONFIRMS = ("lead", "compliance")


@require_GET
@role_required(*ROLES)
def gates(request: HttpRequest) -> HttpResponse:
    newest = Gate.objects.select_related("run__dataset", "waiver").order_by("-pk")
    newest = newest.prefetch_related("results__version__benchmark")
    page = Paginator(newest, 25).get_page(request.GET.get("page"))
    return render(request, "evaluation/gates/gates.html", {"page_obj": page})


@require_GET
@role_required(*ROLES)
def gate(request: HttpRequest, pk: int) -> HttpResponse:
    return gate_page(request, pk, WaiverForm())


def gate_page(request: HttpRequest, pk: int, form: WaiverForm, status: int = 200) -> HttpResponse:
    return render(request, "evaluation/gates/gate.html", about(request, pk) | {"form": form}, status=status)


def about(request: HttpRequest, pk: int) -> dict[str, Any]:
    queryset = Gate.objects.select_related(
        "run__dataset", "champion_run", "anchor_run", "waiver__requested_by", "waiver__confirmed_by"
    ).prefetch_related("results__version__benchmark", "versions__benchmark")
    gate = get_object_or_404(queryset, pk=pk)
    waiver = getattr(gate, "waiver", None)
    return {
        "gate": gate,
        "waiver": waiver,
        "live": gate.state in (Job.State.QUEUED, Job.State.RUNNING),
        "results": gate.results.all(),
        "may_queue": has_role(request.user, "engineer"),
        "may_waive": has_role(request.user, *WAIVERS),
        "may_confirm": may_confirm(request, waiver),
        "next": [step for result in gate.results.all() if (step := reading_of(result).next)],
    }


def may_confirm(request: HttpRequest, waiver: Waiver | None) -> bool:
    """Whether this person can be the second one."""
    return waiver is not None and waiver.requested_by_id != request.user.pk and has_role(request.user, *CONFIRMS)


@require_GET
@role_required(*ROLES)
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """What changes while a gate is worked through; the end of it ends the polling and shows the whole page."""
    context = about(request, pk)
    if context["live"]:
        return render(request, "evaluation/gates/progress.html", context)
    ended = render(request, "evaluation/gates/progress.html", context, status=HTMX_STOP_POLLING)
    ended["HX-Refresh"] = "true"
    return ended


@require_POST
@role_required("engineer")
def queue(request: HttpRequest) -> HttpResponse:
    """Queue another gate of a run: on the newest benchmark versions, against today's champion."""
    run = get_object_or_404(Run, pk=number(request.POST.get("run", "")))
    try:
        opened = actions.queue_gate(run, champion_run=champion_run(), by=account(request))
    except Refused as refused:
        messages.error(request, refused.words)
        return redirect("evaluation:gates")
    messages.success(request, f"Gate {opened.pk} is queued.")
    return redirect("evaluation:gate", opened.pk)


def number(text: str) -> int:
    """A posted id; 0, which no row has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


@require_POST
@role_required(*WAIVERS)
def waive(request: HttpRequest, pk: int) -> HttpResponse:
    form = WaiverForm(request.POST)
    if not form.is_valid():
        return gate_page(request, pk, form, status=422)
    try:
        actions.request_waiver(get_object_or_404(Gate, pk=pk), form.cleaned_data["reason"], by=account(request))
    except Refused as refused:
        messages.error(request, refused.words)
    return redirect("evaluation:gate", pk)


@require_POST
@role_required(*CONFIRMS)
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    waiver = get_object_or_404(Waiver, gate_id=pk)
    try:
        actions.confirm_waiver(waiver, by=account(request))
        messages.success(request, "Confirmed: the release may be promoted.")
    except Refused as refused:
        messages.error(request, refused.words)
    return redirect("evaluation:gate", pk)
