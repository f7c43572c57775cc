"""Django's admin as our back office: open to the role *admin*, and entered by the one door that counts attempts."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from cftapp.base.accounts import has_role, refuse
from cftapp.base.sign_in import send_to_sign_in


class BackOffice(AdminSite):
    # An unknown address is answered as everywhere; Django's answer redirects, and so turns a POST into a GET.
    final_catch_all_view = False

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and has_role(request.user, "admin")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """No second door: a visitor signs in where everybody does, and others learn which role it takes."""
        if not request.user.is_authenticated:
            return send_to_sign_in(request)
        if not self.has_permission(request):
            return refuse(request, ("admin",))
        page = request.GET.get("next", "")
        ours = url_has_allowed_host_and_scheme(page, allowed_hosts=None)
        return redirect(page if ours else "admin:index")
