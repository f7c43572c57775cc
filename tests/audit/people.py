"""Named people who look at the log."""

from django.contrib.auth.models import Group, User
from django.test import Client


def signed_in(name, *roles):
    """A client with the session of an account that holds these roles."""
    user, _ = User.objects.get_or_create(username=name)
    for role in roles:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user)
    return client
