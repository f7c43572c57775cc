"""Accounts in a browser: accessible in both schemes and sizes, by keyboard, and without JavaScript."""

from types import SimpleNamespace
from typing import Any

import pytest

from cftapp.accounts import actions, limits, links
from tests.cftapp.accounts.conftest import PASSWORD
from tests.support.live import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def busy(company: SimpleNamespace) -> SimpleNamespace:
    """Something waits, something is on its way, somebody has left."""
    actions.create_account("a.rather.long.name@department.example.org", ["lead", "engineer"], by=company.bea)
    actions.request_role(company.rosa, "lead", by=company.ada)
    actions.confirm_request(actions.request_link(company.rosa, by=company.ada).pk, by=company.bea)
    actions.confirm_request(actions.request_link(company.otto, by=company.bea).pk, by=company.ada)
    actions.close_account(company.cleo, by=company.ada)
    return company


def test_the_pages_are_accessible_and_fit_a_phone(busy: SimpleNamespace, open_live: Any) -> None:
    page = open_live(busy.ada)
    for path in ("/accounts/", f"/accounts/{busy.rosa.pk}/", f"/accounts/{busy.cleo.pk}/"):
        page.goto(path)
        assert look(page) == [], path


def test_the_doors_are_accessible_and_fit_a_phone(busy: SimpleNamespace, open_live: Any) -> None:
    page = open_live()
    link = links.path_of(actions.Request.objects.get(account=busy.rosa, wanted="link"))
    for path in (link, "/accounts/choose/x/y/"):
        page.goto(path)
        assert look(page) == [], path
    limits.PER_ACCOUNT, before = 0, limits.PER_ACCOUNT
    try:
        page.goto("/accounts/login/")
        page.fill("#id_username", "rosa")
        page.fill("#id_password", "wrong")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Too many tries").wait_for()
        assert look(page) == []
    finally:
        limits.PER_ACCOUNT = before


def test_from_a_request_to_a_password_without_javascript_and_by_keyboard(
    company: SimpleNamespace, open_live: Any
) -> None:
    ada, bea = (open_live(one, java_script_enabled=False) for one in (company.ada, company.bea))
    ada.goto(f"/accounts/{company.otto.pk}/")
    ada.get_by_role("button", name="Ask for a link").focus()
    ada.keyboard.press("Enter")
    ada.get_by_text("Another admin confirms it on the page of accounts.").wait_for()
    bea.goto("/accounts/")
    bea.get_by_role("button", name="Confirm for otto").focus()
    bea.keyboard.press("Enter")
    code = bea.locator(".token code").inner_text()
    ada.reload()
    link = ada.locator(".token code").inner_text()
    otto = open_live(java_script_enabled=False)
    otto.goto(link)
    otto.get_by_label("Code").fill(code)
    otto.get_by_label("New password", exact=True).fill(f"{PASSWORD}-new")
    otto.get_by_label("New password confirmation").fill(f"{PASSWORD}-new")
    otto.keyboard.press("Enter")
    otto.get_by_text("Your password is set").wait_for()
    otto.get_by_label("Username").fill("otto")
    otto.get_by_label("Password").fill(f"{PASSWORD}-new")
    otto.keyboard.press("Enter")
    otto.get_by_role("button", name="Account of otto").wait_for()
