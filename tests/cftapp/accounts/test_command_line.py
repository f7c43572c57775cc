"""The operator may do anything, and leaves an event with the login that did it."""

import io
import re

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from audit.models import Event
from cftapp.accounts.demo import PEOPLE, ensure_demo_accounts
from cftapp.base.accounts import roles_of
from tests.cftapp.accounts.conftest import PASSWORD, login, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def by_hand():
    events = Event.objects.filter(name="account.changed").order_by("id")
    assert {(one.actor, one.detail["login"]) for one in events} == {("process:owner", "cft_owner")}
    return [(one.detail["table"], one.detail["operation"]) for one in events]


def test_createsuperuser_leaves_an_event(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", username="root", email="", interactive=False, verbosity=0)
    assert by_hand() == [("auth_user", "INSERT")]
    event = Event.objects.get()
    assert event.detail["superuser"] is True and "md5" not in str(event.detail)
    assert event.edges.get().object_id == str(User.objects.get().pk)


def test_changepassword_leaves_an_event(monkeypatch):
    account = User.objects.create_user("rosa")
    monkeypatch.setattr("getpass.getpass", lambda prompt: PASSWORD)
    call_command("changepassword", "rosa", stdout=io.StringIO())
    assert by_hand() == [("auth_user", "INSERT"), ("auth_user", "UPDATE")]
    assert Event.objects.latest("id").detail["columns"] == ["password"]
    account.refresh_from_db()
    assert account.check_password(PASSWORD)


def test_so_does_whatever_else_is_done_to_an_account():
    account = User.objects.create_user("rosa")
    account.groups.add(Group.objects.get(name="admin"))
    assert Event.objects.latest("id").detail["role"] == "admin"
    account.user_permissions.set(Group.objects.get(name="admin").permissions.all()[:1])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE auth_user SET is_superuser = true, is_staff = true WHERE id = %s", [account.pk])
    account.user_permissions.clear()
    account.groups.clear()
    account.delete()
    tables = [table for table, _ in by_hand()]
    assert tables == [
        "auth_user",
        "auth_user_groups",
        "auth_user_user_permissions",
        "auth_user",
        "auth_user_user_permissions",
        "auth_user_groups",
        "auth_user",
    ]


def test_signing_in_is_no_change():
    account = User.objects.create_user("rosa", password=PASSWORD)
    before = Event.objects.count()
    assert sign_in(Client(), "rosa").status_code == 302
    assert User.objects.get(pk=account.pk).last_login and Event.objects.count() == before


def test_the_first_admin_of_an_installation():
    said = io.StringIO()
    call_command("account", "ada", "--role", "admin", stdout=said)
    account = User.objects.get()
    assert roles_of(account) == {"admin"} and not account.is_superuser and not account.has_usable_password()
    events = list(Event.objects.order_by("id").values_list("name", "actor"))
    assert events == [("account.set_up", "process:owner"), ("account.link_confirmed", "process:owner")]
    assert {one.detail["login"] for one in Event.objects.all()} == {"cft_owner"}
    browser, link = Client(), re.search(r"http://[^/]+(/\S+)", said.getvalue())
    form = browser.get(link.group(1), follow=True)
    assert b"code" not in form.content.lower().split(b"<form")[1]
    chosen = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert browser.post(form.request["PATH_INFO"], chosen).status_code == 302
    assert sign_in(browser, "ada").status_code == 302
    assert Event.objects.latest("id").actor == f"user:{account.pk}"


def test_a_role_more_without_a_link():
    account = User.objects.create_user("ada", password=PASSWORD, is_active=False)
    call_command("account", "ada", "--role", "admin", "--role", "lead", "--no-link")
    account = User.objects.get()
    assert roles_of(account) == {"admin", "lead"} and account.is_active and account.check_password(PASSWORD)


def test_a_link_that_no_web_process_would_know_is_not_made(monkeypatch):
    monkeypatch.delenv("CFT_SECRET_KEY")
    with pytest.raises(CommandError, match="CFT_SECRET_KEY is not set"):
        call_command("account", "ada")
    assert not User.objects.exists()


def test_the_web_process_has_no_such_command():
    with login("cft_web"), pytest.raises(CommandError, match="for the owner of the database"):
        call_command("account", "eve", "--role", "admin")
    assert not User.objects.exists() and not Event.objects.exists()


def test_demo_accounts_hold_one_role_each_and_there_are_two_admins(tmp_path):
    assert ensure_demo_accounts(tmp_path / "accounts.txt") == [*PEOPLE]
    assert {one.username: {*roles_of(one)} for one in User.objects.all()} == {n: {role} for n, role in PEOPLE.items()}
    assert set(Event.objects.values_list("name", flat=True)) == {"account.set_up"}
    assert ensure_demo_accounts(tmp_path / "accounts.txt") == []
