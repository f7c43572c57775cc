"""Roles of accounts: Django groups, one per role, and the decorator that states which of them a page needs."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from cftapp.base.sign_in import send_to_sign_in

ROLES: dict[str, str] = {
    "reviewer": "triages typed feedback",
    "lead": "adjudicates and confirms what reviewers decide",
    "engineer": "freezes datasets, starts runs, promotes releases",
    "compliance": "answers for consent, marks and the log",
    "examiner": "imports and publishes benchmarks",
    "admin": "keeps accounts, sources and keys",
}

Visitor: TypeAlias = User | AnonymousUser
View: TypeAlias = Callable[..., HttpResponseBase]


def account(request: HttpRequest) -> User:
    """The signed-in account, for views that ask for a role. Raises PermissionDenied where nobody is signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def roles_of(user: Visitor) -> frozenset[str]:
    """Names of the roles an account holds, read once per user object; a superuser holds all of them."""
    if not user.is_authenticated:
        return frozenset()
    if getattr(user, "is_superuser", False):
        return frozenset(ROLES)
    held: frozenset[str] | None = getattr(user, "_roles", None)
    if held is None:
        held = frozenset(user.groups.values_list("name", flat=True)) & ROLES.keys()
        user._roles = held  # type: ignore[attr-defined]
    return held


def has_role(user: Visitor, *names: str) -> bool:
    """Whether the account holds at least one of the named roles."""
    return not roles_of(user).isdisjoint(names)


def role_required(*names: str) -> Callable[[View], View]:
    """Let holders of any of the named roles in; send visitors to the login and tell others which role it takes."""
    unknown = set(names) - ROLES.keys()
    if unknown or not names:
        raise ValueError(f"role_required takes roles of {sorted(ROLES)}, got {sorted(unknown)}")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return send_to_sign_in(request)
            if not has_role(request.user, *names):
                return refuse(request, names)
            return view(request, *args, **kwargs)

        guarded.needs_roles = frozenset(names)  # type: ignore[attr-defined]  # navigation hides what would refuse
        return guarded

    return decorate


def refuse(request: HttpRequest, names: tuple[str, ...]) -> HttpResponse:
    """The 403 page that names the roles which may do this."""
    return render(request, "403.html", {"needed": [(name, ROLES[name]) for name in names]}, status=403)
