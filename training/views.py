"""The engineer's room: what ran, what runs, what to run next. Views validate, actions execute."""

import json
from pathlib import PurePath
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from audit.models import Event
from cftapp.base import engines
from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.jobs import Job
from cftapp.base.refusal import Refused
from curation.models import Dataset, Pair
from feedback.models import LastQuestion
from training import actions
from training.forms import NewRun
from training.models import Run
from training.monitoring import metrics
from training.monitoring.history import history
from training.monitoring.progress import Progress
from training.preparation import fitting
from training.preparation import manifest as manifests
from training.preparation.recipes import PRESETS

LIVE_POINTS = 40
"""While it works: fewer points, because the swap comes every two seconds and stays at about 4 kB."""
ALL_POINTS = 150
LEFT_OUT_SHOWN = 20
LOG, LIVE_LOG = "log.txt", 1500


@require_GET
@role_required(*ROLES)
def runs(request: HttpRequest) -> HttpResponse:
    newest = Run.objects.select_related("dataset", "created_by").order_by("-pk")
    page = Paginator(newest, 25).get_page(request.GET.get("page"))
    return render(request, "training/runs.html", {"page_obj": page, "may_run": has_role(request.user, "engineer")})


@require_http_methods(["GET", "POST"])
@role_required("engineer")
def new(request: HttpRequest) -> HttpResponse:
    newest = Dataset.objects.order_by("-pk").values_list("pk", flat=True).first()
    form = NewRun(request.POST or None, initial={"dataset": request.GET.get("dataset", newest)})
    status = 200
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            run = actions.queue_run(
                asked["dataset"], form.recipe(), seed=asked["seed"], base_model=asked["base_model"], by=account(request)
            )
            return redirect("training:run", run.pk)
        except Refused as refused:
            refused.mark(form)
            status = refused.status
    elif form.errors:
        status = 422
    return render(request, "training/new.html", {"form": form, "presets": PRESETS}, status=status)


@require_GET
@role_required(*ROLES)
def run(request: HttpRequest, pk: int) -> HttpResponse:
    shown = run_of(pk)
    context = about(request, shown, points=LIVE_POINTS if is_live(shown) else ALL_POINTS)
    return render(request, "training/run.html", context | below(shown))


@require_GET
@role_required(*ROLES)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """What changes while a run works: figures and chart. Nothing new is 204; an ended run ends the polling."""
    shown = run_of(pk)
    context = about(request, shown, points=LIVE_POINTS if is_live(shown) else ALL_POINTS)
    if not is_live(shown):
        whole = context | below(shown) | {"swapped": True}
        ended = render(request, "training/live.html", whole, status=HTMX_STOP_POLLING)
        ended["HX-Trigger"] = json.dumps({"announce": f"Run {pk} {shown.state}", "counts": ""})
        return ended
    news = context["news"] = changed(request.GET.get("below", ""), context["below_seen"])
    if request.GET.get("seen") == context["progress"].seen and not news:
        return HttpResponse(status=204)
    return render(request, "training/live.html", context | (below(shown, LIVE_LOG) if news else {}))


BELOW = ("manifest", "log", "history")


def below_seen(shown: Run) -> str:
    """A word that changes as manifest, log and audit of a run do: a part of it for each."""
    log = actions.folder_of(shown) / LOG
    size = log.stat().st_size if log.exists() else 0
    newest = Event.objects.filter(edges__kind="run", edges__object_id=str(shown.pk)).aggregate(newest=Max("pk"))
    return f"{shown.manifest_sha256[:8]}.{size}.{newest['newest']}"


def changed(seen: str, now: str) -> list[str]:
    """Which parts below the figures are newer than what the page has."""
    parts = seen.split(".")
    if len(parts) != len(BELOW):
        return []
    return [name for name, was, is_now in zip(BELOW, parts, now.split("."), strict=True) if was != is_now]


@require_GET
@role_required(*ROLES)
def gates(request: HttpRequest, pk: int) -> HttpResponse:
    """What changes while the gate of an ended run is worked through; a verdict ends the polling."""
    shown = run_of(pk)
    context = {"run": shown} | gates_of(shown)
    if not context["gate_open"]:
        whole = context | {"history": history(shown), "gate_ended": True}
        ended = render(request, "training/gates.html", whole, status=HTMX_STOP_POLLING)
        ended["HX-Trigger"] = json.dumps({"announce": f"The gate of run {pk} has ended", "counts": ""})
        return ended
    if request.GET.get("seen") == context["gates_seen"]:
        return HttpResponse(status=204)
    return render(request, "training/gates.html", context)


def gates_of(shown: Run) -> dict[str, Any]:
    """The gates of a run, whether one is still to come to a verdict, and a word that changes as they do."""
    newest = list(shown.gates.order_by("-pk").prefetch_related("results__version__benchmark"))
    waiting = shown.state == Job.State.FINISHED and not newest
    seen = "-".join(f"{gate.pk}.{gate.state}.{gate.answers}" for gate in newest[:3])
    return {
        "gates": newest,
        "gate_open": waiting or any(gate.state in (Job.State.QUEUED, Job.State.RUNNING) for gate in newest),
        "gates_seen": seen or "none",
    }


def below(shown: Run, log_size: int = 4000) -> dict[str, Any]:
    """What stands under the figures: gates, manifest, log, audit. It is sent once more when the run has ended."""
    return (
        gates_of(shown)
        | left_out(shown)
        | {
            "history": history(shown),
            "log": metrics.tail(actions.folder_of(shown) / LOG, size=log_size),
            "manifest_text": manifests.encode(shown.manifest).decode() if shown.manifest else "",
        }
    )


def left_out(shown: Run) -> dict[str, Any]:
    """The first pairs that the run has not learnt, and how many they are."""
    ids = fitting.pairs_left_out(shown.dataset, shown.result or {})
    first = Pair.objects.filter(pk__in=ids[:LEFT_OUT_SHOWN]).annotate(question=LastQuestion())
    return {"left_out": list(first.only("pk")), "left_out_count": len(ids)}


def about(request: HttpRequest, shown: Run, points: int) -> dict[str, Any]:
    return {
        "run": shown,
        "progress": Progress.of(shown, metrics.read(actions.folder_of(shown) / "metrics.jsonl"), points),
        "below_seen": below_seen(shown),
        "live": is_live(shown),
        "base_name": PurePath(shown.base_model).name,
        "may_run": has_role(request.user, "engineer"),
    }


def is_live(run: Run) -> bool:
    return run.state in (Job.State.QUEUED, Job.State.RUNNING)


def run_of(pk: int) -> Run:
    return get_object_or_404(Run.objects.select_related("dataset", "created_by"), pk=pk)


@require_POST
@role_required("engineer")
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        stopped = actions.request_stop(run_of(pk), by=account(request))
        ended = stopped.state == Job.State.STOPPED
        messages.success(request, "Stopped." if ended else "It writes a checkpoint and stops.")
    except Refused as refused:
        messages.error(request, refused.words)
    return redirect("training:run", pk)


@require_POST
@role_required("engineer")
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        actions.resume_run(run_of(pk), by=account(request))
        messages.success(request, "Queued again; it goes on from its newest checkpoint.")
    except Refused as refused:
        messages.error(request, refused.words)
    return redirect("training:run", pk)


@require_GET
@role_required(*ROLES)
def manifest(request: HttpRequest, pk: int) -> HttpResponse:
    """The manifest's exact bytes: their sha256 is the one on the page."""
    shown = run_of(pk)
    if not shown.manifest:
        raise Http404("This run has not been prepared yet.")
    headers = {"Content-Disposition": f'attachment; filename="run-{pk}-manifest.json"'}
    return HttpResponse(manifests.encode(shown.manifest), content_type="application/json", headers=headers)


@require_GET
@role_required("engineer")
def log(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything the engine printed, for whoever looks for a reason."""
    text = metrics.tail(actions.folder_of(run_of(pk)) / engines.LOG_FILE, size=200_000)
    return HttpResponse(text or "The engine has printed nothing.\n", content_type="text/plain; charset=utf-8")
