"""Who somebody is, by their password."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from cftapp.accounts.actions import record_new_hash


class PasswordBackend(ModelBackend):
    """Django's; where it hashes a password anew, by a newer method, that change of the account has its event too."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        with transaction.atomic():
            before = User.objects.filter(username=username).values_list("password", flat=True).first()
            account: Any = super().authenticate(request, username=username, password=password, **kwargs)
            if account is not None and account.password != before:
                record_new_hash(account)
        return account
