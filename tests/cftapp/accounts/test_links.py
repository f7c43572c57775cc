"""A link to choose a password: in two halves, of two admins, used once, within a day, by its holder."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from cftapp.accounts import actions, links
from cftapp.accounts.models import LINK_LASTS, Request
from cftapp.base.refusal import Conflict, Forbidden
from tests.cftapp.accounts.conftest import PASSWORD, sign_in
from tests.support.people import signed_in, untold

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = "marble-otter-31"


@pytest.fixture
def asked(web):
    """ada asked for a link for rosa, bea confirmed it."""
    return actions.confirm_request(actions.request_link(web.rosa, by=web.ada).pk, by=web.bea)


def choose(path, code, browser=None, password=CHOSEN):
    browser = browser or Client()
    page = browser.get(path, follow=True)
    return browser.post(page.request["PATH_INFO"], {"code": code, "new_password1": password, "new_password2": password})


def password_of(account):
    return User.objects.get(pk=account.pk).password


def test_the_holder_chooses_with_both_halves(web, asked, events):
    assert choose(links.path_of(asked), links.code_of(asked).lower().replace("-", " ")).status_code == 302
    assert sign_in(Client(), "rosa", CHOSEN).status_code == 302
    ada, bea, rosa = (f"user:{one.pk}" for one in (web.ada, web.bea, web.rosa))
    assert events(web.rosa) == [
        ("account.link_requested", ada),
        ("account.link_confirmed", bea),
        ("account.password_chosen", rosa),
    ]


def test_each_admin_sees_one_half(web, asked):
    link, code = links.path_of(asked).rsplit("/", 3)[0], links.code_of(asked)
    for path in ("/accounts/", f"/accounts/{web.rosa.pk}/"):
        pages = {name: signed_in(getattr(web, name)).get(path).content.decode() for name in ("ada", "bea", "cleo")}
        assert link in pages["ada"] and code not in pages["ada"]
        assert code in pages["bea"] and link not in pages["bea"]
        assert link not in pages["cleo"] and code not in pages["cleo"]


@pytest.mark.parametrize("code", ["", "AAAA-BBBB-CCCC", "é", "x" * 100])
def test_the_link_alone_opens_nothing(web, asked, code):
    before = password_of(web.rosa)
    assert choose(links.path_of(asked), code).status_code == 200
    assert password_of(web.rosa) == before and not Request.objects.get().used_at


def test_the_code_is_not_guessed(web, asked):
    for _ in range(10):
        assert choose(links.path_of(asked), "AAAA-BBBB-CCCC").status_code == 200
    late = choose(links.path_of(asked), links.code_of(asked))
    assert late.status_code == 429 and late["Retry-After"]
    assert not Request.objects.get().used_at


def test_the_code_alone_opens_nothing(web, asked):
    path = links.path_of(asked)
    number = path.split("/")[3]
    for token in ("set-password", links.code_of(asked), "abc-0123456789abcdef"):
        assert Client().get(f"/accounts/choose/{number}/{token}/").status_code == 410


def test_a_link_works_once(web, asked):
    path, code = links.path_of(asked), links.code_of(asked)
    choose(path, code)
    assert Client().get(path, follow=True).status_code == 410
    with pytest.raises(Conflict, match="used, or is too old"):
        actions.choose_password(asked.pk, "another-one-12345", by=web.rosa)


def test_two_browsers_at_once_use_it_once(web, asked):
    path, code = links.path_of(asked), links.code_of(asked)
    first, second = Client(), Client()
    pages = [browser.get(path, follow=True).request["PATH_INFO"] for browser in (first, second)]
    fields = {"code": code, "new_password1": CHOSEN, "new_password2": CHOSEN}
    assert first.post(pages[0], fields).status_code == 302
    assert second.post(pages[1], fields).status_code == 410


def test_signing_in_ends_it(web, asked):
    path = links.path_of(asked)
    sign_in(Client(), "rosa")
    assert Client().get(path, follow=True).status_code == 410


def make_old(asked):
    """As if a day had passed."""
    with untold():
        asked.answered_at -= LINK_LASTS
        asked.save()


def test_a_link_lasts_a_day(company):
    asked = actions.confirm_request(actions.request_link(company.rosa, by=company.ada).pk, by=company.bea)
    path = links.path_of(asked)
    make_old(asked)
    assert Client().get(path, follow=True).status_code == 410
    assert not Request.objects.usable().exists()
    with pytest.raises(DatabaseError, match="used once, within a day"), transaction.atomic():
        Request.objects.update(used_at=timezone.now())


def test_an_account_that_was_closed_has_no_link(web, asked):
    path = links.path_of(asked)
    actions.close_account(web.rosa, by=web.ada)
    assert Client().get(path, follow=True).status_code == 410


def test_another_s_session_does_not_choose(web, asked):
    before = password_of(web.rosa)
    reply = choose(links.path_of(asked), links.code_of(asked), signed_in(web.otto))
    assert (reply.status_code, "signed in as otto" in reply.content.decode()) == (200, True)
    assert password_of(web.rosa) == before


def test_one_admin_alone_makes_no_link(web):
    asked = actions.request_link(web.rosa, by=web.ada)
    with pytest.raises(Forbidden):
        actions.confirm_request(asked.pk, by=web.ada)
    assert not Request.objects.usable().exists()
    assert "choose/" not in signed_in(web.ada).get("/accounts/").content.decode()


def test_an_admin_has_no_way_to_another_s_password(web):
    """Neither a page nor the back office, nor the action."""
    with pytest.raises(Forbidden, match="its holder's"):
        actions.change_password(web.rosa, CHOSEN, by=web.ada)
    before, browser = password_of(web.rosa), signed_in(web.ada)
    for path in (f"/admin/auth/user/{web.rosa.pk}/password/", f"/admin/auth/user/{web.rosa.pk}/change/"):
        browser.post(path, {"password1": CHOSEN, "password2": CHOSEN, "is_superuser": "on"})
    rosa = User.objects.get(pk=web.rosa.pk)
    assert rosa.password == before and not rosa.is_superuser


def test_a_weak_password_is_refused(web, asked):
    reply = choose(links.path_of(asked), links.code_of(asked), password="short")
    assert reply.status_code == 200 and "too short" in reply.content.decode()
    assert re.search(r"Set the password", reply.content.decode()) and not Request.objects.get().used_at


def test_the_token_does_not_stay_in_the_address(web, asked):
    browser = Client()
    reply = browser.get(links.path_of(asked))
    assert reply.status_code == 302 and reply["Location"].endswith("/set-password/")
    assert reply["Referrer-Policy"] == "same-origin" and PASSWORD not in reply["Location"]
