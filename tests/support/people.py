"""Named people: accounts that hold roles, and browsers in which they are signed in."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client


def person(name: str, *roles: str) -> User:
    """The account of this name, holding these roles (and no fewer, if it was there already)."""
    with untold():
        user, _ = User.objects.get_or_create(username=name)
        user.groups.add(*(Group.objects.get_or_create(name=role)[0] for role in roles))
    return user


@contextmanager
def untold() -> Iterator[None]:
    """People are there before a test begins: no guard looks, and the log does not begin with them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def signed_in(user: User) -> Client:
    """A client with a session of this account."""
    client = Client()
    client.force_login(user)
    return client
