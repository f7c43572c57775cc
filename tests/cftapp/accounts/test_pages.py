"""Accounts are kept from pages: each step is a form, and says what became of it."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Event
from cftapp.accounts import actions
from cftapp.accounts.models import Request
from tests.cftapp.accounts.conftest import PASSWORD, sign_in
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = "marble-otter-31"


def said(reply):
    return re.sub(r"\s+", " ", reply.content.decode())


def test_from_a_new_account_to_its_first_sign_in(web):
    ada, bea = signed_in(web.ada), signed_in(web.bea)
    made = ada.post("/accounts/", {"name": "nina", "roles": ["reviewer"]}, follow=True)
    assert "nina is there" in said(made)
    nina = User.objects.get(username="nina")
    assert "2</b>" in said(bea.get("/")) or "requests about accounts" in said(bea.get("/"))
    for asked in Request.objects.waiting():
        assert "Confirmed" in said(bea.post(f"/accounts/requests/{asked.pk}/", {"answer": "confirm"}, follow=True))
    link = re.search(r"<code>http://testserver(/accounts/choose/\S+)</code>", said(ada.get("/accounts/")))
    code = re.search(r"<code>([A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4})</code>", said(bea.get("/accounts/")))
    browser = Client()
    form = browser.get(link.group(1), follow=True)
    reply = browser.post(
        form.request["PATH_INFO"],
        {"code": code.group(1), "new_password1": CHOSEN, "new_password2": CHOSEN},
        follow=True,
    )
    assert "Your password is set" in said(reply)
    assert sign_in(browser, "nina", CHOSEN).status_code == 302
    assert browser.get("/curation/bench/").status_code == 200
    assert "choose/" not in said(ada.get(f"/accounts/{nina.pk}/"))


def test_each_refusal_is_a_sentence_on_the_page(web):
    ada = signed_in(web.ada)
    ask = f"/accounts/{web.rosa.pk}/ask/"
    assert "Another admin confirms it" in said(ada.post(ask, {"wanted": "lead"}, follow=True))
    assert "waits for a second admin already" in said(ada.post(ask, {"wanted": "lead"}, follow=True))
    assert "no role" in said(ada.post(ask, {"wanted": "root"}, follow=True))
    pk = Request.objects.get().pk
    answer = f"/accounts/requests/{pk}/"
    assert "You asked for this yourself" in said(ada.post(answer, {"answer": "confirm"}, follow=True))
    assert "Press one of the buttons" in said(ada.post(answer, {"answer": "maybe"}, follow=True))
    assert "Taken back" in said(ada.post(answer, {"answer": "withdraw"}, follow=True))
    made = ada.post("/accounts/", {"name": "Rosa"})
    assert made.status_code == 422 and "named Rosa already" in said(made)
    assert ada.post("/accounts/", {"name": "a b"}).status_code == 422


def test_roles_and_state_from_the_account_s_page(web):
    ada, page = signed_in(web.ada), f"/accounts/{web.rosa.pk}/"
    assert "does not hold the role reviewer any more" in said(
        ada.post(f"{page}take/", {"role": "reviewer"}, follow=True)
    )
    assert "rosa is closed" in said(ada.post(f"{page}close/", follow=True))
    assert "without a role and a password" in said(ada.post(f"{page}reopen/", follow=True))


def test_a_superuser_is_unmade_on_a_page_and_made_on_none(company):
    root = User.objects.create_superuser("root")
    ada = signed_in(company.ada)
    taken = ada.post(f"/accounts/{root.pk}/take/", {"role": "superuser"}, follow=True)
    assert "does not hold the role superuser any more" in said(taken)
    assert not User.objects.get(pk=root.pk).is_superuser
    assert "no role" in said(ada.post(f"/accounts/{root.pk}/ask/", {"wanted": "superuser"}, follow=True))


def test_the_only_admin_reads_who_can_help(web):
    for one in (web.bea, web.cleo):
        actions.close_account(one, by=web.ada)
    page = said(signed_in(web.ada).get("/accounts/"))
    assert "You are the only admin" in page and "manage.py account NAME --role admin" in page


@pytest.mark.parametrize("role", ["reviewer", "lead", "engineer", "compliance", "examiner"])
def test_other_roles_are_told_which_it_takes(company, role):
    browser = signed_in(person("kim", role))
    pk = company.rosa.pk
    for path in ("/accounts/", f"/accounts/{pk}/", "/admin/", "/admin/auth/user/"):
        reply = browser.get(path, follow=True)
        assert (reply.status_code, "<b>admin</b>" in said(reply)) == (403, True), path
    for path in ("ask", "take", "close", "reopen"):
        assert browser.post(f"/accounts/{pk}/{path}/", {"wanted": "admin", "role": "reviewer"}).status_code == 403
    assert browser.post("/accounts/requests/1/", {"answer": "confirm"}).status_code == 403
    assert browser.get("/accounts/password/").status_code == 200


def test_a_visitor_is_sent_to_sign_in(db):
    assert Client().get("/accounts/").status_code == 302
    assert Client().get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")


def test_signing_in_leads_back_to_the_page_of_the_back_office(web):
    browser = Client()
    form = browser.get("/admin/auth/group/", follow=True)
    assert "next=/admin/login/" in form.redirect_chain[-1][0]
    given = {"username": "ada", "password": PASSWORD, "next": "/admin/login/?next=/admin/auth/group/"}
    assert browser.post("/accounts/login/", given, follow=True).redirect_chain[-1][0] == "/admin/auth/group/"
    assert browser.get("/admin/login/?next=https://evil.example/")["Location"] == "/admin/"


def test_an_account_that_there_is_not(web):
    ada = signed_in(web.ada)
    assert ada.get("/accounts/999999/").status_code == 404
    assert ada.post("/accounts/999999/close/").status_code == 404
    assert "not there by now" in said(ada.post("/accounts/requests/999999/", {"answer": "confirm"}, follow=True))


def test_accounts_are_found_by_name(web):
    ada = signed_in(web.ada)
    assert "rosa</a>" in said(ada.get("/accounts/?q=OS")) and "otto</a>" not in said(ada.get("/accounts/?q=OS"))
    assert "No account of this name" in said(ada.get("/accounts/?q=nobody"))


def test_the_log_says_what_happened(web):
    actions.request_role(web.rosa, "lead", by=web.ada)
    page = said(signed_in(web.ada).get("/audit/?about=account"))
    assert "account.role_requested" in page and "ada" in page
    event = signed_in(web.ada).get(f"/audit/events/{Event.objects.latest('id').pk}/")
    assert "rosa" in said(event) and "role" in said(event)


def test_the_back_office_shows_accounts_and_changes_none(web):
    ada = signed_in(web.ada)
    page = ada.get(f"/admin/auth/user/{web.rosa.pk}/change/")
    assert page.status_code == 200 and "md5" not in said(page) and "_save" not in said(page)
    assert ada.get("/admin/auth/user/add/").status_code == 403
    assert ada.post(f"/admin/auth/user/{web.rosa.pk}/change/", {"groups": "1"}).status_code == 403
    assert ada.get("/admin/accounts/request/").status_code == 200
