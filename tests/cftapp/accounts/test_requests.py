"""What gives power takes two admins: one asks, another confirms, and nobody confirms what is for themselves."""

import pytest
from django.contrib.auth.models import User

from audit.models import Event
from cftapp.accounts import actions
from cftapp.accounts.models import Request
from cftapp.base.accounts import has_role, roles_of
from cftapp.base.refusal import Conflict, Forbidden, Refused

pytestmark = pytest.mark.django_db(transaction=True)


def roles(account: User) -> frozenset[str]:
    return roles_of(User.objects.get(pk=account.pk))


def test_a_role_is_asked_by_one_admin_and_given_by_another(web, events):
    asked = actions.request_role(web.rosa, "lead", by=web.ada)
    assert roles(web.rosa) == {"reviewer"}
    actions.confirm_request(asked.pk, by=web.bea)
    assert roles(web.rosa) == {"reviewer", "lead"}
    ada, bea = f"user:{web.ada.pk}", f"user:{web.bea.pk}"
    assert events(web.rosa) == [("account.role_requested", ada), ("account.role_granted", bea)]
    assert Event.objects.get(name="account.role_granted").detail == {"role": "lead"}


def test_an_admin_cannot_give_itself_a_role(web):
    asked = actions.request_role(web.ada, "engineer", by=web.ada)
    with pytest.raises(Forbidden, match="You asked for this yourself"):
        actions.confirm_request(asked.pk, by=web.ada)
    assert roles(web.ada) == {"admin"}
    actions.confirm_request(asked.pk, by=web.bea)
    assert roles(web.ada) == {"admin", "engineer"}


def test_nobody_confirms_what_another_asked_for_them(web):
    asked = actions.request_role(web.bea, "engineer", by=web.ada)
    with pytest.raises(Forbidden, match="about your own account"):
        actions.confirm_request(asked.pk, by=web.bea)
    assert roles(web.bea) == {"admin"}
    actions.confirm_request(asked.pk, by=web.cleo)
    assert roles(web.bea) == {"admin", "engineer"}


@pytest.mark.parametrize("name", ["rosa", "otto"])
def test_only_admins_do_anything(web, name):
    outsider = getattr(web, name)
    asked = actions.request_role(web.otto, "reviewer", by=web.ada)
    for act in (
        lambda: actions.create_account("nina", by=outsider),
        lambda: actions.request_role(outsider, "admin", by=outsider),
        lambda: actions.request_link(web.ada, by=outsider),
        lambda: actions.confirm_request(asked.pk, by=outsider),
        lambda: actions.decline_request(asked.pk, by=outsider),
        lambda: actions.withdraw_request(asked.pk, by=outsider),
        lambda: actions.take_role(web.ada, "admin", by=outsider),
        lambda: actions.close_account(web.ada, by=outsider),
    ):
        with pytest.raises(Forbidden, match="takes the role admin"):
            act()
    assert roles(web.otto) == frozenset() and roles(web.ada) == {"admin"}


def test_who_is_no_admin_any_more_has_asked_in_vain(web):
    asked = actions.request_role(web.rosa, "admin", by=web.ada)
    actions.take_role(web.ada, "admin", by=web.cleo)
    with pytest.raises(Conflict, match="no admin any more"):
        actions.confirm_request(asked.pk, by=web.bea)
    assert roles(web.rosa) == {"reviewer"}


def test_a_request_is_answered_once(web, events):
    asked = actions.request_role(web.rosa, "lead", by=web.ada)
    with pytest.raises(Conflict, match="waits for a second admin already"):
        actions.request_role(web.rosa, "lead", by=web.bea)
    actions.decline_request(asked.pk, by=web.bea)
    for act in (actions.confirm_request, actions.decline_request, actions.withdraw_request):
        with pytest.raises(Conflict, match="declined by now"):
            act(asked.pk, by=web.cleo)
    assert roles(web.rosa) == {"reviewer"}
    assert [name for name, _ in events(web.rosa)] == ["account.role_requested", "account.request_declined"]


def test_who_asked_may_take_it_back_and_nobody_else(web):
    asked = actions.request_role(web.rosa, "lead", by=web.ada)
    with pytest.raises(Forbidden, match="You asked for this yourself"):
        actions.decline_request(asked.pk, by=web.ada)
    with pytest.raises(Forbidden, match="Somebody else asked"):
        actions.withdraw_request(asked.pk, by=web.bea)
    actions.withdraw_request(asked.pk, by=web.ada)
    assert Request.objects.get().state == "withdrawn"


def test_an_account_is_made_without_a_password_and_without_a_role(web, events):
    made = actions.create_account("nina", ["reviewer", "lead"], by=web.ada)
    assert not made.has_usable_password() and roles(made) == frozenset()
    assert {one.wanted for one in Request.objects.waiting()} == {"link", "reviewer", "lead"}
    assert events(made) == [("account.created", f"user:{web.ada.pk}")]
    for one in Request.objects.waiting():
        actions.confirm_request(one.pk, by=web.bea)
    assert roles(made) == {"reviewer", "lead"}


@pytest.mark.parametrize(
    ("name", "complaint"), [("Ada", "named Ada already"), ("a b", "valid username"), ("", "valid")]
)
def test_a_name_is_nobody_else_s(web, name, complaint):
    with pytest.raises(Refused, match=complaint):
        actions.create_account(name, by=web.ada)


def test_a_role_that_there_is_not(web):
    with pytest.raises(Refused, match="no role"):
        actions.request_role(web.rosa, "superuser", by=web.ada)
    with pytest.raises(Conflict, match="holds the role reviewer already"):
        actions.request_role(web.rosa, "reviewer", by=web.ada)


# --- one admin alone ---
@pytest.fixture
def alone(web):
    for name in ("bea", "cleo"):
        actions.close_account(getattr(web, name), by=web.ada)
    return web


def test_the_only_admin_is_told_who_can_help(alone):
    for act in (
        lambda: actions.create_account("nina", by=alone.ada),
        lambda: actions.request_role(alone.rosa, "lead", by=alone.ada),
        lambda: actions.request_link(alone.rosa, by=alone.ada),
    ):
        with pytest.raises(Conflict, match="there is none") as refused:
            act()
        assert "manage.py account NAME --role admin" in refused.value.words
    assert not Request.objects.exists() and not User.objects.filter(username="nina").exists()


def test_the_last_admin_stays(alone):
    for act in (
        lambda: actions.take_role(alone.ada, "admin", by=alone.ada),
        lambda: actions.close_account(alone.ada, by=alone.ada),
    ):
        with pytest.raises(Conflict, match="Nobody would be left"):
            act()
    assert has_role(User.objects.get(pk=alone.ada.pk), "admin")


# --- what takes power away ---
def test_a_role_is_taken_at_once(web, events):
    actions.take_role(web.rosa, "reviewer", by=web.ada)
    assert roles(web.rosa) == frozenset()
    assert events(web.rosa) == [("account.role_taken", f"user:{web.ada.pk}")]
    with pytest.raises(Conflict, match="does not hold the role reviewer"):
        actions.take_role(web.rosa, "reviewer", by=web.ada)


def test_a_closed_account_comes_back_with_nothing(web, events):
    actions.close_account(web.rosa, by=web.ada)
    with pytest.raises(Conflict, match="closed"):
        actions.request_role(web.rosa, "lead", by=web.ada)
    actions.reopen_account(web.rosa, by=web.bea)
    rosa = User.objects.get(pk=web.rosa.pk)
    assert rosa.is_active and roles(rosa) == frozenset() and not rosa.has_usable_password()
    assert [name for name, _ in events(rosa)] == ["account.closed", "account.reopened"]


def test_what_is_asked_for_an_account_that_was_closed_is_not_given(web):
    asked = actions.request_role(web.rosa, "lead", by=web.ada)
    actions.close_account(web.rosa, by=web.ada)
    with pytest.raises(Conflict, match="rosa is closed"):
        actions.confirm_request(asked.pk, by=web.bea)
