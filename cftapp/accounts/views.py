"""The pages on which admins keep accounts."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cftapp.accounts import actions, links
from cftapp.accounts.forms import AccountForm
from cftapp.accounts.models import LINK, Request
from cftapp.base.accounts import ROLES, account, role_required
from cftapp.base.refusal import Refused

SHOWN = 200
HISTORY = 20


@role_required("admin")
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest) -> HttpResponse:
    """All accounts, and what waits for a second admin; a POST makes another account."""
    if request.method != "POST":
        return people_page(request, AccountForm())
    form = AccountForm(request.POST)
    if not form.is_valid():
        return people_page(request, form, status=422)
    try:
        made = actions.create_account(**form.cleaned_data, by=account(request))
    except Refused as refused:
        refused.mark(form)
        return people_page(request, form, status=refused.status)
    messages.success(request, f"{made.username} is there. Another admin confirms the link to choose a password.")
    return redirect("accounts:person", made.pk)


def people_page(request: HttpRequest, form: AccountForm, status: int = 200) -> HttpResponse:
    name = request.GET.get("q", "").strip()
    found = User.objects.filter(username__icontains=name).prefetch_related("groups")
    context = {
        "form": form,
        "q": name,
        "accounts": found.order_by("-is_active", "username")[:SHOWN],
        "most": SHOWN,
        "waiting": Request.objects.waiting().with_people().order_by("id"),
        "halves": halves(request),
        "alone": actions.admins().count() < 2,
        "operator": actions.OPERATOR,
    }
    return render(request, "accounts/people.html", context, status=status)


def halves(request: HttpRequest, **of: Any) -> list[dict[str, Any]]:
    """Links on their way that this admin has one half of: the link where they asked, the code where they confirmed."""
    found = Request.objects.usable().with_people().filter(**of)
    return [
        {"asked": one, "link": request.build_absolute_uri(links.path_of(one))}
        for one in found.filter(asked_by=account(request))
    ] + [{"asked": one, "code": links.code_of(one)} for one in found.filter(answered_by=account(request))]


@role_required("admin")
@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One account: what it holds, what is asked for it, and what became of that."""
    holder = get_object_or_404(User, pk=pk)
    requests = Request.objects.filter(account=holder).with_people()
    held = [name for name in ROLES if name in set(holder.groups.values_list("name", flat=True))]
    asked = set(requests.waiting().values_list("wanted", flat=True))
    context = {
        "holder": holder,
        "held": [*held, *([actions.SUPERUSER] if holder.is_superuser else [])],
        "does": ROLES | {actions.SUPERUSER: "holds every role; made by the operator alone"},
        "free": [(name, does) for name, does in ROLES.items() if name not in held and name not in asked],
        "link_asked": LINK in asked,
        "waiting": requests.waiting().order_by("id"),
        "halves": halves(request, account=holder),
        "past": requests.exclude(state=Request.State.REQUESTED).order_by("-id")[:HISTORY],
    }
    return render(request, "accounts/person.html", context)


@role_required("admin")
@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a role of the account, or for a link."""
    wanted = request.POST.get("wanted", "")

    def act(holder: User) -> str:
        if wanted == LINK:
            actions.request_link(holder, by=account(request))
        else:
            actions.request_role(holder, wanted, by=account(request))
        return "Asked. Another admin confirms it on the page of accounts."

    return done(request, pk, act)


@role_required("admin")
@require_POST
def take(request: HttpRequest, pk: int) -> HttpResponse:
    role = request.POST.get("role", "")

    def act(holder: User) -> str:
        actions.take_role(holder, role, by=account(request))
        return f"{holder.username} does not hold the role {role} any more."

    return done(request, pk, act)


@role_required("admin")
@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponse:
    def act(holder: User) -> str:
        actions.close_account(holder, by=account(request))
        return f"{holder.username} is closed."

    return done(request, pk, act)


@role_required("admin")
@require_POST
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    def act(holder: User) -> str:
        actions.reopen_account(holder, by=account(request))
        return f"{holder.username} is open, without a role and a password. Ask for them below."

    return done(request, pk, act)


def done(request: HttpRequest, pk: int, act: Callable[[User], str]) -> HttpResponse:
    """Do it and say so, or say why not, on the page of the account."""
    holder = get_object_or_404(User, pk=pk)
    try:
        messages.success(request, act(holder))
    except Refused as refused:
        messages.error(request, refused.words)
    return redirect("accounts:person", pk)


ANSWERS = {
    "confirm": (actions.confirm_request, "Confirmed"),
    "decline": (actions.decline_request, "Declined"),
    "withdraw": (actions.withdraw_request, "Taken back"),
}


@role_required("admin")
@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm or decline what another admin asked, or take back what one asked oneself."""
    act, said = ANSWERS.get(request.POST.get("answer", ""), (None, ""))
    if act is None:
        messages.error(request, "Press one of the buttons: confirm, decline or take back.")
        return redirect("accounts:people")
    try:
        asked = act(pk, by=account(request))
        messages.success(request, f"{said}: {asked.get_wanted_display()} for {asked.account.username}.")
    except Refused as refused:
        messages.error(request, refused.words)
    return redirect("accounts:people")
