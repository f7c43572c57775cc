"""The overrides that wait, and those that were answered: for the leads who answer, and for whoever must know."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from cftapp.base.accounts import account, has_role, role_required
from cftapp.base.refusal import Refused
from conversation.words import Words, words_of
from curation.models import Override
from curation.triage import override_rules
from curation.triage.override_actions import confirm_override, decline_override, withdraw_override
from curation.triage.wording import METHODS, Item, items_of, pointing

A_PAGE = 20
ANSWERS = {"confirm": confirm_override, "decline": decline_override, "withdraw": withdraw_override}
TOLD = {"confirm": "Confirmed: the case may be accepted.", "decline": "Declined.", "withdraw": "Withdrawn."}


@dataclass(frozen=True, slots=True)
class Card:
    """One override as a page shows it, and what this person may do with it."""

    held: Override
    how: str
    items: tuple[Item, ...]
    more: bool
    said: Words
    whole: str
    outdated: bool
    may_answer: bool
    may_withdraw: bool


@require_GET
@role_required("reviewer", "lead", "compliance")
def overrides(request: HttpRequest) -> HttpResponse:
    """Overrides by state, those that wait first asked first."""
    return page(request)


@require_POST
@role_required("reviewer", "lead")
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm, decline or withdraw; who may is the action's to say."""
    answer = request.POST.get("answer", "")
    try:
        if answer not in ANSWERS:
            raise Refused.because("answer", f"{answer[:40]!r} is no answer.", f"Give one of: {', '.join(ANSWERS)}.")
        held = ANSWERS[answer](pk, request.POST.get("note", ""), by=account(request))
    except Refused as refused:
        return page(request, refused)
    messages.success(request, f"{TOLD[answer]} Case {held.case_id}.")
    if request.POST.get("next") == "bench":
        return redirect(f"{reverse('curation:bench')}?case={held.case_id}")
    return redirect("curation:overrides")


def page(request: HttpRequest, problem: Refused | None = None) -> HttpResponse:
    state = request.GET.get("state", "")
    state = state if state in Override.State.values else Override.State.REQUESTED
    rows = Override.objects.with_case().with_found().filter(state=state)
    rows = rows.order_by("id" if state == Override.State.REQUESTED else "-settled_at")
    page_of_overrides = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page_of_overrides,
        "cards": [card(override, account(request)) for override in page_of_overrides],
        "state": state,
        "states": Override.State.choices,
        "waiting": Override.objects.waiting().capped_count(),
        "problem": problem,
        "is_lead": has_role(request.user, "lead"),
    }
    return render(request, "curation/triage/overrides.html", context, status=problem.status if problem else 200)


def card(held: Override, user: User) -> Card:
    correction = held.case.correction
    assert correction is not None  # PostgreSQL: other kinds have no finding that can be overridden
    interaction = correction.interaction
    evidence, name = held.finding["evidence"], held.get_check_name_display()
    own, lead = held.requested_by_id == user.pk, has_role(user, "lead")
    waits = held.state == Override.State.REQUESTED
    return Card(
        held=held,
        how=METHODS.get(evidence.get("method", ""), ("", ""))[1],
        items=items_of(evidence, held.finding["score"] or 0.0, held.finding["limit"] or 0.0),
        more="more_in_epoch" in evidence,
        said=words_of(interaction.asked, interaction.answered, correction.right_answer, pointing(name, evidence)),
        whole=f"{reverse('curation:bench')}?case={held.case_id}&whole=1",
        outdated=waits and not override_rules.stands_for(held),
        may_answer=waits and lead and not own,
        may_withdraw=(waits and own) or (held.state == Override.State.CONFIRMED and lead),
    )
