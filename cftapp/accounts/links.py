"""Links to choose a password, each in two halves: whoever asked for it sees the link, whoever confirmed it its code.

So that neither of the two admins can use it alone: the holder gets one half from each. Nothing of it is stored.
Django's generator signs the link with the account's password hash and last sign-in, so a change of either ends it.
"""

import base64

from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import urlsafe_base64_encode

from cftapp.accounts.models import Request

SALT = "cftapp.accounts.links"
CODE_LENGTH = 12


class Tokens(PasswordResetTokenGenerator):
    """Tokens for one request alone."""

    key_salt = SALT

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{self.request.pk}"


def path_of(request: Request) -> str:
    """The link of a confirmed request, without the site's address."""
    number = urlsafe_base64_encode(str(request.pk).encode())
    return reverse("accounts:choose_password", args=[number, Tokens(request).make_token(request.account)])


def code_of(request: Request) -> str:
    """The other half: 60 bits as three groups of letters and digits."""
    signed = salted_hmac(SALT, f"code {request.pk} {request.answered_at}", algorithm="sha256").digest()
    code = base64.b32encode(signed).decode()[:CODE_LENGTH]
    return "-".join(code[place : place + 4] for place in range(0, CODE_LENGTH, 4))


def fits(request: Request, code: str) -> bool:
    """Whether this is the request's code, however it was typed. A link of the operator has none."""
    typed = "".join(filter(str.isalnum, code)).upper()
    return request.asked_by_id is None or constant_time_compare(typed, code_of(request).replace("-", ""))
