"""The doors: sign in, change one's own password, choose one by a link. Django's views, with our limits and actions."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth
from django.contrib.auth.models import User
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import urlsafe_base64_decode

from cftapp.accounts import limits
from cftapp.accounts.actions import change_password, choose_password
from cftapp.accounts.forms import ChoosePasswordForm
from cftapp.accounts.links import Tokens
from cftapp.accounts.models import Request
from cftapp.base.accounts import account
from cftapp.base.refusal import Refused


class SignIn(auth.LoginView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            attempt = limits.begin(request, request.POST.get("username", ""))
        except limits.TooMany as problem:
            return limits.too_many(request, problem)
        response: HttpResponse = super().post(request, *args, **kwargs)
        if response.status_code == 302:
            attempt.succeeded()
            limits.remember_browser(response, account(request))
        return response


class ChangePassword(auth.PasswordChangeView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The old password is asked for, so it could be guessed by whoever found an open session."""
        try:
            counted = limits.count("change of", request.user.pk, limits.PER_ACCOUNT)
        except limits.TooMany as problem:
            return limits.too_many(request, problem)
        response: HttpResponse = super().post(request, *args, **kwargs)
        if response.status_code == 302:
            limits.forget(counted)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        """Every other session of the account ends: Django signs them with the password's hash."""
        holder = account(self.request)
        change_password(holder, form.cleaned_data["new_password1"], by=holder)
        update_session_auth_hash(self.request, holder)
        return redirect(self.get_success_url())


class ChoosePassword(auth.PasswordResetConfirmView):
    """A link's page. Django takes the token out of the address, so that no other page learns it."""

    form_class = ChoosePasswordForm
    template_name = "registration/choose_password.html"
    success_url = reverse_lazy("login")
    asked: Request | None = None

    def get_user(self, uidb64: str) -> User | None:
        """The account of the request that the link names, while the link is usable."""
        try:
            number = int(urlsafe_base64_decode(uidb64).decode("ascii"))
        except ValueError:
            return None
        self.asked = Request.objects.usable().select_related("account").filter(pk=number).first()
        if self.asked is None:
            return None
        self.token_generator = Tokens(self.asked)
        return self.asked.account

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.asked}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            limits.count("link", self.asked and self.asked.pk, limits.PER_ACCOUNT)
        except limits.TooMany as problem:
            return limits.too_many(request, problem)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        if self.request.user.is_authenticated and self.request.user != self.user:
            form.add_error(None, f"You are signed in as {self.request.user.get_username()}. Sign out first.")
            return self.form_invalid(form)
        try:
            choose_password(form.request.pk, form.cleaned_data["new_password1"], by=form.request.account)
        except Refused as refused:
            refused.mark(form)
            return self.form_invalid(form)
        del self.request.session[INTERNAL_RESET_SESSION_TOKEN]
        messages.success(self.request, "Your password is set. Sign in with it; every older session has ended.")
        return redirect(self.get_success_url())

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if not self.validlink:
            return render(self.request, self.template_name, context, status=410)
        response: HttpResponse = super().render_to_response(context, **kwargs)
        return response
