"""An ended session: the way to sign in, and back to the page that the person was looking at."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from cftapp.base.accounts import role_required
from cftapp.base.sign_in import is_page, methods_of

HOST = "http://testserver"
BENCH, DECIDE = "/curation/bench/", "/curation/bench/5/decide/"


def sign_in_with(page: str) -> str:
    return f"/accounts/login/?next={page}"


def htmx(at: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Current-URL": at}


@pytest.mark.parametrize(
    ("path", "at", "page"),
    [
        ("/pipeline/", "/training/runs/7/", "/training/runs/7/"),
        ("/pipeline/", "/curation/bench/?kind=bug&q=refund#main", "/curation/bench/%3Fkind%3Dbug%26q%3Drefund"),
        ("/training/runs/7/live/", "/training/runs/7/", "/training/runs/7/"),
        ("/curation/bench/5/", BENCH, BENCH),
    ],
)
def test_htmx_leaves_the_page_for_the_sign_in_and_comes_back_to_it(client: Client, path: str, at: str, page: str):
    answer = client.get(path, headers=htmx(HOST + at))
    assert answer.headers["HX-Redirect"] == sign_in_with(page)
    assert answer.content == b""


def test_a_verdict_leads_back_to_the_bench(client: Client) -> None:
    by_htmx = client.post(DECIDE, headers=htmx(HOST + BENCH))
    assert by_htmx.headers["HX-Redirect"] == sign_in_with(BENCH)
    by_form = client.post(DECIDE, headers={"Referer": HOST + BENCH})
    assert (by_form.status_code, by_form.headers["Location"]) == (302, sign_in_with(BENCH))


@pytest.mark.parametrize("at", [HOST + DECIDE, "https://elsewhere.example/curation/bench/", HOST + "/nowhere/", ""])
def test_what_is_no_page_of_ours_is_never_next(client: Client, at: str) -> None:
    assert client.post(DECIDE, headers=htmx(at)).headers["HX-Redirect"] == sign_in_with("/")
    assert client.post(DECIDE, headers={"Referer": at}).headers["Location"] == sign_in_with("/")


def test_a_page_comes_back_with_its_query(client: Client) -> None:
    assert client.get("/training/runs/?page=2").headers["Location"] == sign_in_with("/training/runs/%3Fpage%3D2")


@pytest.mark.parametrize("name", ["login", "password_change", "feedback:list", "training:runs"])
def test_pages_answer_a_get(name: str) -> None:
    assert is_page(reverse(name))


def test_the_method_is_found_wherever_its_decorator_stands() -> None:
    def view(request: object) -> HttpResponse:
        return HttpResponse()

    outside, inside = require_POST(role_required("lead")(view)), role_required("lead")(require_POST(view))
    assert methods_of(outside) == methods_of(inside) == ["POST"]
    assert methods_of(role_required("lead")(require_safe(view))) == ["GET", "HEAD"]
    assert methods_of(view) == ["GET"]
