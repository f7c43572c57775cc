"""A company with two admins, and the code run with the rights of the web process, which is what keeps accounts."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client

from audit.models import Event
from cftapp.access.roles import password_variable
from tests.support.people import person, untold

PASSWORD = "copper-lantern-97"


@contextmanager
def login(name: str) -> Iterator[None]:
    """Whatever Django does in here, it does as this login of PostgreSQL."""
    owner = connections["default"]
    given = {**owner.settings_dict, "USER": name, "PASSWORD": os.environ[password_variable(name)]}
    connections["default"] = DatabaseWrapper(given, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = owner


@pytest.fixture
def company(db: None) -> SimpleNamespace:
    """ada, bea and cleo are admins, rosa reviews, otto holds no role; each knows the same password."""
    roles = {"ada": ["admin"], "bea": ["admin"], "cleo": ["admin"], "rosa": ["reviewer"], "otto": []}
    people = {name: person(name, *held) for name, held in roles.items()}
    with untold():
        for one in people.values():
            one.set_password(PASSWORD)
            one.save()
    return SimpleNamespace(**people)


@pytest.fixture
def web(company: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The company, and from here on the rights of the web process."""
    with login("cft_web"):
        yield company


@pytest.fixture
def events() -> Callable[[User], list[tuple[str, str]]]:
    """What the log says of an account: names and actors."""

    def said(account: User) -> list[tuple[str, str]]:
        about = Event.objects.filter(edges__kind="account", edges__object_id=str(account.pk))
        return list(about.order_by("id").values_list("name", "actor"))

    return said


def sign_in(client: Client, name: str, password: str = PASSWORD, **headers: Any) -> Any:
    return client.post("/accounts/login/", {"username": name, "password": password}, **headers)
