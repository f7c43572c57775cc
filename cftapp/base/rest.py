"""What every REST view of signed-in people shares; `settings.REST_FRAMEWORK` names it, so no view can forget it."""

from typing import TYPE_CHECKING

from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from cftapp.base.accounts import has_role, roles_of

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which reads the settings, so it cannot be loaded from here


class RolesReadEngineersAct(BasePermission):
    """Whoever holds a role reads, as on the pages; what moves models takes an engineer."""

    message = "Reading this takes a role, changing it the role engineer: ask an admin."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether the account may send this method."""
        if request.method in SAFE_METHODS:
            return bool(roles_of(request.user))
        return has_role(request.user, "engineer")


class NewestFirst(CursorPagination):
    """By cursor: nothing is counted, and rows that arrive meanwhile shift nothing."""

    ordering: str | tuple[str, ...] = "-id"
    page_size = 50
