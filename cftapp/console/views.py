"""The pages that belong to no stage: home and the header's counts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.models import Event
from cftapp.base.accounts import roles_of
from cftapp.base.sign_in import send_to_sign_in
from cftapp.console.counts import counts
from cftapp.console.header import SECTIONS, Console, Todo, link, todos
from evaluation.models import Gate
from serving.releases.condition import champion_problem


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What the site is, for a visitor; the pipeline and what needs this person now, for an account."""
    if not request.user.is_authenticated:
        return render(request, "welcome.html")
    now = counts()
    gate = Gate.objects.filter(state="finished").order_by("-id").first()
    context = {
        "now": now,
        "todos": [*alarms(roles_of(request.user)), *todos(now, roles_of(request.user))],
        "gate": gate,
        "results": gate.results.select_related("version__benchmark").order_by("id") if gate else [],
        "events": Event.objects.order_by("-id").only("id", "recorded_at", "name", "actor")[:6],
    }
    return render(request, "home.html", context)


def alarms(roles: frozenset[str]) -> list[Todo]:
    """What no count shows: for the engineer, that the champion's files are not what the gate examined."""
    problem = champion_problem() if "engineer" in roles else ""
    if not problem:
        return []
    why = "The one before it answers meanwhile. Roll back, or restore its files from a backup."
    return [Todo(problem.partition(":")[0], "champion is damaged", why, link("serving:releases"), urgent=True)]


@require_GET
def pipeline(request: HttpRequest) -> HttpResponse:
    """The header's stages again, for the section in `at`; 204 while they still say what the page has `seen`."""
    if not request.user.is_authenticated:
        return send_to_sign_in(request)
    at = request.GET.get("at", "")
    console = Console(request, at=at if at in SECTIONS else "")
    if request.GET.get("seen") == console.seen:
        return HttpResponse(status=204)
    return render(request, "parts/pipeline.html", {"console": console})
