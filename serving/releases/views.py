"""The releases page: who answers now, who did, who could."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.refusal import Blocked, Refused
from serving.models import Promotion, Release
from serving.releases import actions
from serving.releases import champion as alias
from serving.releases.champion import Ticket

MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that is not the champion, what it may be promoted on, and what forbids it."""

    release: Release
    ticket: Ticket | None
    blockers: list[Blocked]


@require_safe
@role_required(*ROLES)
def releases(request: HttpRequest) -> HttpResponse:
    newest = Promotion.objects.newest_first().select_related("release__run").first()
    now = newest.release if newest else None
    history = list(
        Promotion.objects.newest_first().select_related("release", "replaced__release", "gate", "waiver")[:MOST_ROWS]
    )
    context = {
        "champion": now,
        "newest": newest,
        "let_through": let_through(now) if now else None,
        "previous": alias.predecessor(now) if now else None,
        "history": history,
        "candidates": candidates(now),
        "marked": list(Release.objects.learnt_from_withdrawn().order_by("-number")[:MOST_ROWS]),
        "learnt_exam": list(Release.objects.learnt_an_exam().order_by("-number")[:MOST_ROWS]),
        "may_move": has_role(request.user, "engineer"),
    }
    return render(request, "serving/releases/releases.html", context)


def let_through(release: Release) -> Promotion | None:
    """The promotion that put a release through its gate; a roll back to it later stands on the same one."""
    passed = Promotion.objects.filter(release=release, gate__isnull=False)
    return passed.newest_first().select_related("gate", "waiver").first()


def candidates(now: Release | None) -> list[Candidate]:
    """The pool: releases that were never champion, newest first, with their gates and reasons."""
    pool = list(
        Release.objects.filter(run__isnull=False, promotions__isnull=True)
        .select_related("run")
        .order_by("-number")[:MOST_ROWS]
    )
    tickets = alias.tickets_of(pool)
    return [
        Candidate(release, tickets.get(release.pk), alias.obstacles(release, tickets.get(release.pk), now))
        for release in pool
    ]


@require_POST
@role_required("engineer")
def promote(request: HttpRequest, pk: int) -> HttpResponse:
    """Promote on the gate that was on screen: a newer verdict asks for a second look."""
    release = get_object_or_404(Release.objects.select_related("run"), pk=pk)
    ticket = alias.tickets_of([release]).get(release.pk)
    try:
        if ticket is None or request.POST.get("gate") != str(ticket.gate.pk):
            raise Refused.because("gate", f"{release} has another gate than the one shown.", "Look at it again.")
        actions.promote(release, ticket.waiver or ticket.gate, by=account(request))
    except Refused as refused:
        return say_no(request, refused)
    messages.success(request, f"{release} is the champion: it answers from the next request on.")
    return redirect("serving:releases")


@require_POST
@role_required("engineer")
def roll_back(request: HttpRequest) -> HttpResponse:
    """Back to the champion before, or to the one named in `release`."""
    named = request.POST.get("release", "")
    seen = request.POST.get("seen", "")
    try:
        promotion = actions.roll_back(
            by=account(request),
            to=get_object_or_404(Release, pk=named) if named.isdecimal() else None,
            seen=get_object_or_404(Release, pk=seen) if seen.isdecimal() else None,
        )
    except Refused as refused:
        return say_no(request, refused)
    messages.success(request, f"Rolled back: {promotion.release} is the champion again.")
    return redirect("serving:releases")


def say_no(request: HttpRequest, refused: Refused) -> HttpResponse:
    for blocker in refused.blockers:
        messages.error(request, str(blocker))
    return redirect("serving:releases")
