"""One's own password: changing it leaves an event and ends every other session."""

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.test import Client

from cftapp.accounts import actions
from tests.cftapp.accounts.conftest import PASSWORD, login, sign_in
from tests.support.people import signed_in, untold

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = "marble-otter-31"
CHANGE = {"old_password": PASSWORD, "new_password1": CHOSEN, "new_password2": CHOSEN}


def is_in(browser):
    return browser.get("/accounts/password/").status_code == 200


def test_changing_it_ends_the_other_sessions(web, events):
    here, elsewhere = Client(), Client()
    assert sign_in(here, "rosa").status_code == sign_in(elsewhere, "rosa").status_code == 302
    assert here.post("/accounts/password/", CHANGE).status_code == 302
    assert is_in(here) and not is_in(elsewhere)
    assert events(web.rosa) == [("account.password_changed", f"user:{web.rosa.pk}")]


def test_the_old_one_is_not_guessed_in_an_open_session(web):
    browser = signed_in(web.rosa)
    for _ in range(10):
        assert browser.post("/accounts/password/", CHANGE | {"old_password": "wrong"}).status_code == 200
    late = browser.post("/accounts/password/", CHANGE)
    assert late.status_code == 429 and late["Retry-After"]
    assert User.objects.get(pk=web.rosa.pk).check_password(PASSWORD)


def test_closing_an_account_ends_its_sessions(web):
    browser = signed_in(web.rosa)
    assert is_in(browser)
    actions.close_account(web.rosa, by=web.ada)
    assert not is_in(browser)
    assert sign_in(Client(), "rosa").status_code == 200


def test_a_role_that_was_taken_is_gone_from_open_sessions(web):
    browser = signed_in(web.rosa)
    assert browser.get("/curation/bench/").status_code == 200
    actions.take_role(web.rosa, "reviewer", by=web.ada)
    assert browser.get("/curation/bench/").status_code == 403


class Stronger(PBKDF2PasswordHasher):
    iterations = 30


class Weaker(PBKDF2PasswordHasher):
    iterations = 20


@pytest.mark.parametrize("right", [True, False])
def test_a_hash_made_anew_has_its_event(company, settings, events, right):
    company.rosa.password = Weaker().encode(PASSWORD, "salt")
    with untold():
        company.rosa.save()
    settings.PASSWORD_HASHERS = [f"{__name__}.Stronger"]
    with login("cft_web"):
        assert sign_in(Client(), "rosa", PASSWORD if right else "wrong").status_code == (302 if right else 200)
        now = User.objects.get(pk=company.rosa.pk).password
    told = [("account.password_rehashed", f"user:{company.rosa.pk}")]
    assert (now.split("$")[1], events(company.rosa)) == (("30", told) if right else ("20", []))


def test_hashes_are_no_words_of_the_log(web):
    sign_in(Client(), "rosa")
    assert make_password(PASSWORD) not in str(signed_in(web.ada).get(f"/admin/auth/user/{web.rosa.pk}/change/").content)
