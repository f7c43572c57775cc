"""A visitor who signs in is an account from then on: what the visitor filed is that account's."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from feedback.actions import link_account
from feedback.visitors.sessions import visitor_subject


@receiver(user_logged_in)
def link_visitor(request: HttpRequest | None, user: User, **_: Any) -> None:
    """Sent before the answer to the sign-in; the session of the visitor goes on."""
    subject = visitor_subject(request) if request is not None else None
    if subject is not None:
        link_account(subject, by=user)
