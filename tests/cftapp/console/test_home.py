"""Home, the header's fragment and the pages for when something is wrong."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cftapp.base.accounts import ROLES
from cftapp.console import counts
from tests.support.people import person

SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "kept", counts.Kept())


@pytest.fixture
def sign_in(client: Client, db: None) -> SignIn:
    def as_role(*roles: str) -> Client:
        client.force_login(person("sam", *roles))
        return client

    return as_role


def test_a_visitor_learns_what_this_is_without_a_query(client: Client) -> None:
    page = client.get("/").content.decode()  # no database is allowed in this test
    assert "Ask the model" in page and "Sign in" in page and "stage-feedback" not in page


@pytest.mark.parametrize("role", ROLES)
def test_home_takes_few_queries(sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get("/")
    assert answer.status_code == 200
    assert len(asked) <= 8, [query["sql"][:80] for query in asked]


def test_home_names_the_work_of_each_role_held(sign_in: SignIn) -> None:
    page = sign_in("examiner", "compliance").get("/").content.decode()
    assert "benchmarks published" in page and "log not sealed" in page


def test_an_account_without_a_role_is_told_so(sign_in: SignIn) -> None:
    assert "an administrator gives you one" in sign_in().get("/").content.decode()


def test_the_header_marks_the_section_and_hides_pages_that_would_refuse(sign_in: SignIn) -> None:
    page = sign_in("engineer").get("/training/runs/").content.decode()
    assert 'id="stage-training" href="/training/runs/" aria-current="page"' in page
    assert "/training/runs/new/" in page
    assert "/feedback/sources/" not in page


def test_the_fragment_is_empty_while_nothing_changed(sign_in: SignIn) -> None:
    client = sign_in("engineer")
    page = client.get("/").content.decode()
    address = page.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    assert client.get(address).status_code == 204
    fragment = client.get("/pipeline/?at=training&seen=old")
    assert fragment.status_code == 200
    assert fragment.content.decode().count("<li>") == 6


def test_the_fragment_is_for_accounts(client: Client) -> None:
    assert client.get("/pipeline/").status_code == 302


def test_a_missing_page_looks_like_the_rest(client: Client) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


@pytest.mark.parametrize("name", ["400.html", "500.html", "403_csrf.html"])
def test_an_error_page_needs_no_request_and_no_database(name: str) -> None:
    assert "<h1>" in render_to_string(name)


def test_pages_carry_no_inline_script_style_or_handler(sign_in: SignIn) -> None:
    page = sign_in("reviewer").get("/").content.decode()
    assert "<style" not in page and " style=" not in page and " onclick=" not in page
    assert page.count("<script") == page.count("<script src=")


def test_signing_in_and_out(client: Client, db: None) -> None:
    User.objects.create_user("sam", password="a long enough one")
    wrong = client.post("/accounts/login/", {"username": "sam", "password": "not this"})
    assert "errorlist" in wrong.content.decode()
    right = client.post("/accounts/login/?next=/", {"username": "sam", "password": "a long enough one"})
    assert (right.status_code, right["Location"]) == (302, "/")
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/").status_code == 302
    assert "_auth_user_id" not in client.session
