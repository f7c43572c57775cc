"""The releases page: the champion, its history and the candidates."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.refusal import Blocked, Conflict, Refused
from serving.models import Promotion, Release, RollBackWaiver
from serving.releases import actions
from serving.releases.champion import newest_promotion, predecessor
from serving.releases.eligibility import (
    PromotionBasis,
    marks_of,
    promotion_bases,
    promotion_blockers,
    withdrawn_since,
)
from serving.releases.roll_back_waivers import ASK, CONFIRM, confirm_roll_back_waiver, request_roll_back_waiver

MAX_ROWS = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that was never champion, what its promotion would rest on, and what forbids it."""

    release: Release
    basis: PromotionBasis | None
    blockers: list[Blocked]


@dataclass(frozen=True, slots=True)
class FormerChampion:
    """An earlier champion that may not answer again, why, and the waiver that two people sign to bring it back."""

    release: Release
    blockers: list[Blocked]
    waiver: RollBackWaiver | None
    may_confirm: bool


@require_safe
@role_required(*ROLES)
def releases(request: HttpRequest) -> HttpResponse:
    newest = newest_promotion()
    champion = newest.release if newest else None
    previous = predecessor(champion) if champion else None
    barred = barred_champions(request, newest, previous)
    history = list(
        Promotion.objects.newest_first().select_related("release", "replaced__release", "gate", "waiver")[:MAX_ROWS]
    )
    context = {
        "champion": champion,
        "newest": newest,
        "gated_promotion": gated_promotion(champion) if champion else None,
        "previous": previous,
        "barred": barred,
        "barred_ids": {former.release.pk for former in barred},
        "history": history,
        "candidates": candidates(champion),
        "marked": list(Release.objects.learnt_from_withdrawn().order_by("-number")[:MAX_ROWS]),
        "contaminated": list(Release.objects.contaminated().order_by("-number")[:MAX_ROWS]),
        "may_promote": has_role(request.user, "engineer"),
        "may_ask": has_role(request.user, *ASK),
    }
    return render(request, "serving/releases/releases.html", context)


def barred_champions(request: HttpRequest, newest: Promotion | None, previous: Release | None) -> list[FormerChampion]:
    """Earlier champions that are marked; of the one that a click rolls back to, consent itself is looked at."""
    former = {
        release.pk: release for release in Release.objects.ever_champion().marked().order_by("-number")[:MAX_ROWS]
    }
    if previous:
        former.setdefault(previous.pk, previous)
    reasons = {
        pk: marks_of(release) or (withdrawn_since(release) if release == previous else [])
        for pk, release in former.items()
    }
    if not newest or not any(reasons.values()):
        return []
    waivers = {waiver.release_id: waiver for waiver in RollBackWaiver.objects.against(newest).with_people()}
    return [
        FormerChampion(release, reasons[pk], waivers.get(pk), may_confirm(request, waivers.get(pk)))
        for pk, release in former.items()
        if reasons[pk] and pk != newest.release_id
    ]


def may_confirm(request: HttpRequest, waiver: RollBackWaiver | None) -> bool:
    """Whether this person can be the second one."""
    return waiver is not None and waiver.requested_by_id != request.user.pk and has_role(request.user, *CONFIRM)


def gated_promotion(release: Release) -> Promotion | None:
    """The promotion of a release on its gate; a roll back to it later rests on the same promotion."""
    promotions = Promotion.objects.filter(release=release, gate__isnull=False)
    return promotions.newest_first().select_related("gate", "waiver").first()


def candidates(champion: Release | None) -> list[Candidate]:
    """The pool: releases that were never champion, newest first, with their gates and blockers."""
    pool = list(
        Release.objects.filter(run__isnull=False, promotions__isnull=True)
        .select_related("run")
        .order_by("-number")[:MAX_ROWS]
    )
    bases = promotion_bases(pool)
    return [
        Candidate(release, bases.get(release.pk), promotion_blockers(release, bases.get(release.pk), champion))
        for release in pool
    ]


@require_POST
@role_required("engineer")
def promote(request: HttpRequest, pk: int) -> HttpResponse:
    """Promote on the gate that was on screen: a newer verdict asks for a second look."""
    release = get_object_or_404(Release.objects.select_related("run"), pk=pk)
    basis = promotion_bases([release]).get(release.pk)
    try:
        if basis is None or request.POST.get("gate") != str(basis.gate.pk):
            raise Conflict.because("gate", f"{release} has another gate than the one shown.", "Look at it again.")
        actions.promote(release, basis.waiver or basis.gate, by=account(request))
    except Refused as refused:
        return redirect_with_reasons(request, refused)
    messages.success(request, f"{release} is the champion: it answers from the next request on.")
    return redirect("serving:releases")


@require_POST
@role_required("engineer")
def roll_back(request: HttpRequest) -> HttpResponse:
    """Roll back to the champion before, or to the release with the id in the field `release`."""
    target = request.POST.get("release", "")
    seen = request.POST.get("seen", "")
    try:
        promotion = actions.roll_back(
            by=account(request),
            to=get_object_or_404(Release, pk=target) if target.isdecimal() else None,
            seen=get_object_or_404(Release, pk=seen) if seen.isdecimal() else None,
        )
    except Refused as refused:
        return redirect_with_reasons(request, refused)
    messages.success(request, f"Rolled back: {promotion.release} is the champion again.")
    return redirect("serving:releases")


@require_POST
@role_required(*ASK)
def waive(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, as the first of two people, to bring a marked release back."""
    release = get_object_or_404(Release, pk=pk)
    try:
        request_roll_back_waiver(release, request.POST.get("reason", ""), by=account(request))
    except Refused as refused:
        return redirect_with_reasons(request, refused)
    messages.success(
        request, f"Requested. Another person, a lead or compliance, confirms it; then {release} can return."
    )
    return redirect("serving:releases")


@require_POST
@role_required(*CONFIRM)
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign as the second person."""
    waiver = get_object_or_404(RollBackWaiver, pk=pk)
    try:
        confirmed = confirm_roll_back_waiver(waiver, by=account(request))
    except Refused as refused:
        return redirect_with_reasons(request, refused)
    messages.success(request, f"Confirmed: an engineer may roll back to {confirmed.release}, once.")
    return redirect("serving:releases")


def redirect_with_reasons(request: HttpRequest, refused: Refused) -> HttpResponse:
    for blocker in refused.blockers:
        messages.error(request, str(blocker))
    return redirect("serving:releases")
