"""Named people: accounts that hold roles, and browsers in which they are signed in."""

from django.contrib.auth.models import Group, User
from django.test import Client


def person(name: str, *roles: str) -> User:
    """The account of this name, holding these roles (and no fewer, if it was there already)."""
    user, _ = User.objects.get_or_create(username=name)
    user.groups.add(*(Group.objects.get_or_create(name=role)[0] for role in roles))
    return user


def signed_in(user: User) -> Client:
    """A client with a session of this account."""
    client = Client()
    client.force_login(user)
    return client
