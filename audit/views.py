"""Reading the log, proving what it says, following a row back and forth."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from audit import body, log_pages, proofs, vocabulary
from audit import lineage as lines
from audit.lineage import Stage, Step
from audit.models import Edge, Event
from audit.verify import Report, verify_here
from cftapp.base import names
from cftapp.base.accounts import ROLES, has_role, role_required

CHECKPOINTS = 10
SHOWN_STEPS = 40
EDGES_SHOWN = 200

READERS = ("reviewer", "lead")  # who may open an interaction that is not their own


@require_safe
@role_required(*ROLES)
def log(request: HttpRequest) -> HttpResponse:
    """Newest first; `name` is an event's whole name, `about` what it is about, `before` where the page begins."""
    names = log_pages.event_names()
    name, about = request.GET.get("name", ""), request.GET.get("about", "")
    wanted = [each for each in names if each == name or (not name and vocabulary.noun(each) == about)]
    before = request.GET.get("before", "")
    begins = int(before[:18]) if before.isdecimal() else None
    rows, older = log_pages.newest_events(wanted if name or about else None, begins)
    context = {
        "rows": rows,
        "older": older,
        "names": names,
        "nouns": sorted({vocabulary.noun(each) for each in names}),
        "name": name,
        "about": about,
        "is_first": not before,
    }
    return render(request, "audit/log.html", context)


@require_safe
@role_required(*ROLES)
def event(request: HttpRequest, pk: int) -> HttpResponse:
    event = get_object_or_404(Event.objects.defer("detail"), pk=pk)
    edges = list(Edge.objects.filter(event=event).order_by("relation", "id")[: EDGES_SHOWN + 1])
    entities = {(edge.kind, edge.object_id) for edge in edges[:EDGES_SHOWN]}
    context = {
        "event": event,
        "named": names.entities(entities, reads=has_role(request.user, *READERS)),
        "body": body.shown(bytes(event.body)),
        "edges": edges[:EDGES_SHOWN],
        "more_edges": len(edges) > EDGES_SHOWN,
        "proof": proofs.inclusion(event),
    }
    return render(request, "audit/event.html", context)


@require_safe
@role_required(*ROLES)
def proof(request: HttpRequest, pk: int) -> HttpResponse:
    """The proof as a file. 404 while the event is not sealed."""
    event = get_object_or_404(Event.objects.defer("detail"), pk=pk)
    included = proofs.inclusion(event)
    if included is None:
        raise Http404("The event is not sealed yet.")
    response = JsonResponse(proofs.as_document(event, included), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="cft-event-{pk}-proof.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(*ROLES)
def verify(request: HttpRequest) -> HttpResponse:
    """The checkpoints and how each extends the one before; the button reads the whole log."""
    key = proofs.public_key()
    context = {
        "report": run_verification(key) if request.method == "POST" else None,
        "chain": proofs.chain(CHECKPOINTS),
        "unsealed": proofs.unsealed(),
        "most_unsealed": proofs.MOST_UNSEALED,
        "has_key": key is not None,
    }
    return render(request, "audit/verify.html", context)


def run_verification(key: Ed25519PublicKey | None) -> Report | None:
    """Without a key there is nothing to verify with; the page says so."""
    file = settings.CFT_AUDIT_PUBLIC_KEY_FILE
    return verify_here(key, file) if key and file else None


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a lineage, by stage, as much of it as a page holds."""

    title: str
    if_empty: str
    stages: list[tuple[Stage, int]]


@require_safe
@role_required(*ROLES)
def lineage(request: HttpRequest, kind: str, object_id: str) -> HttpResponse:
    """A row, what it came from and what became of it."""
    if not vocabulary.has_lineage(kind):
        raise Http404(f"There is no kind {kind}.")
    back, forward = lines.with_left_out(lines.trace(kind, object_id, "back")), lines.became(kind, object_id)
    here = next(step for step in forward if (step.kind, step.object_id) == (kind, object_id))
    if here.newest_id is None:
        raise Http404(f"The log knows no {kind} {object_id}.")
    lines.with_consents([*back, *forward], timezone.now())
    reads = has_role(request.user, *READERS)
    directions = [
        direction("Where it came from", "Nothing: it begins here.", back, here),
        direction("What became of it", "Nothing yet.", forward, here),
    ]
    listed = [here, *(step for each in directions for stage, _ in each.stages for step in stage.steps)]
    context = {
        "here": here,
        "page": page_of(kind, object_id, reads=reads),
        "directions": directions,
        "named": names.entities({(step.kind, step.object_id) for step in listed}, reads=reads),
        "withdrawn": {step.consent.subject_id for step in back if step.consent and step.consent.state != "granted"},
        "cut": max(len(back), len(forward)) >= lines.MOST_STEPS,
    }
    return render(request, "audit/lineage.html", context)


def direction(title: str, if_empty: str, steps: list[Step], here: Step) -> Direction:
    others = [step for step in steps if (step.kind, step.object_id) != (here.kind, here.object_id)]
    return Direction(title, if_empty, [_shortened(stage) for stage in lines.grouped(others)])


def _shortened(stage: Stage) -> tuple[Stage, int]:
    """The stage with at most SHOWN_STEPS steps and how many were left out.

    First those that need a look; then pairs before cases, corrections before subjects: what is further down the line.
    """
    place = {kind: number for number, kind in enumerate(vocabulary.kinds())}
    steps = sorted(stage.steps, key=lambda step: (_urgency(step), -place[step.kind]))
    return Stage(stage.name, steps[:SHOWN_STEPS]), max(0, len(steps) - SHOWN_STEPS)


def _urgency(step: Step) -> int:
    """First what was withdrawn or is marked, then what a run left out, then all that needs no look."""
    if step.marked_at is not None or (step.consent is not None and step.consent.state != "granted"):
        return 0
    return 1 if step.left_out_of else 2


def page_of(kind: str, object_id: str, *, reads: bool) -> str:
    """The console's own page about an entity, where it has one and this person may open it."""
    declared = vocabulary.kinds()[kind]
    if declared.for_readers and not reads:
        return ""
    if declared.list_page:
        return reverse(declared.list_page)
    try:
        return reverse(declared.page, args=[object_id]) if declared.page else ""
    except NoReverseMatch:
        return ""
