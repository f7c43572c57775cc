"""Overrides over HTTP: on the bench, on the page of the leads, and over REST; who may, and what a double click does."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation.models import Case, Override
from curation.triage.override_actions import confirm_override, request_override
from tests.curation.conftest import EXAM, World
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db

HTMX: dict[str, Any] = {"HTTP_HX_REQUEST": "true"}
API = "/api/v1/overrides/"
JSON: dict[str, Any] = {"content_type": "application/json"}


@pytest.fixture
def lea(db: None) -> User:
    return person("lea", "lead")


@pytest.fixture
def blocked(world: World) -> Case:
    return world.screened(f"Please help me with this one. {EXAM[0][2]} Thank you!", right="Twenty.")


@pytest.fixture
def asked(blocked: Case, rosa: User) -> Override:
    return request_override(blocked.pk, "overlap", "Printed on every platform.", by=rosa)


def bench(client: Client, case: Case) -> str:
    return client.get(f"/curation/bench/?case={case.pk}").content.decode()


def test_the_blocked_case_shows_its_own_words_and_every_measure(blocked: Case, rosa: User) -> None:
    page = bench(signed_in(rosa), blocked)
    marks = " ".join(re.findall(r"<mark[^>]*>(.*?)</mark>", page))
    assert "freight train leaves Arden" in marks and "Please help me" not in marks
    for words in ("exam v1", "All measures", "Shared word sequences", "not checked", "Epoch 1", "built-in policy"):
        assert words in page
    assert EXAM[0][3] not in page


def test_the_button_asks_and_the_answer_is_the_same_case(blocked: Case, rosa: User) -> None:
    client = signed_in(rosa)
    assert 'data-key="o"' in bench(client, blocked)
    asked = {"check": "overlap", "reason": "Printed on every platform."}
    answer = client.post(f"/curation/bench/{blocked.pk}/override/", asked, **HTMX).content.decode()
    assert f'data-current="{blocked.pk}"' in answer and "rosa asked a lead" in answer
    assert 'data-key="o"' not in answer and "asked a lead</span>" in answer
    again = client.post(f"/curation/bench/{blocked.pk}/override/", asked)
    assert again.status_code == 409 and "asked for this already" in again.content.decode()
    assert Override.objects.count() == 1


def test_no_button_where_nobody_may_override(world: World, rosa: User) -> None:
    assert 'data-key="o"' not in bench(signed_in(rosa), world.screened(consent=False))


def test_a_confirmed_override_opens_the_button(asked: Override, rosa: User, lea: User) -> None:
    confirm_override(asked.pk, by=lea)
    client = signed_in(rosa)
    page = bench(client, asked.case)
    assert "Let pass by lea, asked by rosa" in page and 'aria-describedby="why"' not in page
    client.post(f"/curation/bench/{asked.case_id}/decide/", {"verdict": "accepted"})
    assert Case.objects.get(pk=asked.case_id).verdict == "accepted"


def test_the_lead_sees_what_it_is_about_and_confirms(asked: Override, lea: User) -> None:
    client = signed_in(lea)
    page = client.get("/curation/overrides/").content.decode()
    for words in ("<mark", "Printed on every platform.", "exam v1", 'value="confirm"'):
        assert words in page
    answer = client.post(f"/curation/overrides/{asked.pk}/settle/", {"answer": "confirm", "note": "Yes."})
    assert answer.status_code == 302
    assert "Yes." in client.get("/curation/overrides/?state=confirmed").content.decode()
    again = client.post(f"/curation/overrides/{asked.pk}/settle/", {"answer": "confirm"})
    assert again.status_code == 409 and "confirmed already" in again.content.decode()


def test_a_reviewer_sees_it_and_has_no_button(asked: Override, rob: User) -> None:
    client = signed_in(rob)
    assert 'value="confirm"' not in client.get("/curation/overrides/").content.decode()
    assert client.post(f"/curation/overrides/{asked.pk}/settle/", {"answer": "confirm"}).status_code == 403
    assert Override.objects.get().state == "requested"


def test_who_asked_takes_it_back_on_the_bench(asked: Override, rosa: User) -> None:
    client = signed_in(rosa)
    assert "Take the request for an override back" in bench(client, asked.case)
    client.post(f"/curation/overrides/{asked.pk}/settle/", {"answer": "withdraw", "next": "bench"})
    assert Override.objects.get().state == "withdrawn"
    assert 'data-key="o"' in bench(client, asked.case)


def test_who_may_not(asked: Override, erin: User, otto: User, client: Client) -> None:
    for who in (erin, otto):
        assert signed_in(who).get("/curation/overrides/").status_code == 403
        assert signed_in(who).post(f"/curation/overrides/{asked.pk}/settle/", {"answer": "confirm"}).status_code == 403
        assert signed_in(who).post(f"/curation/bench/{asked.case_id}/override/", {}).status_code == 403
    assert client.get("/curation/overrides/").status_code == 302
    assert signed_in(person("cora", "compliance")).get("/curation/overrides/").status_code == 200


def test_the_same_over_rest(blocked: Case, rosa: User, lea: User) -> None:
    reviewer, lead = signed_in(rosa), signed_in(lea)
    body = {"case": blocked.pk, "check_name": "overlap", "reason": "Printed."}
    made = reviewer.post(API, body, **JSON)
    assert made.status_code == 201 and made.json()["finding"]["evidence"]["item"] == "item-train"
    assert reviewer.post(API, body, **JSON).status_code == 409
    assert reviewer.post(f"{API}{made.json()['id']}/confirm/", {}, **JSON).status_code == 403
    assert lead.post(f"{API}{made.json()['id']}/confirm/", {"note": "Yes."}, **JSON).json()["state"] == "confirmed"
    assert lead.post(f"{API}{made.json()['id']}/decline/", {}, **JSON).status_code == 409
    assert lead.get(API).json()["results"][0]["note"] == "Yes."


def test_rest_is_for_reviewers_and_leads(asked: Override, erin: User, otto: User, client: Client) -> None:
    body = {"case": asked.case_id, "check_name": "overlap", "reason": "Printed."}
    for who in (erin, otto):
        assert signed_in(who).get(API).status_code == 403
        assert signed_in(who).post(API, body, **JSON).status_code == 403
    assert client.get(API).status_code in (401, 403)
    compliance = signed_in(person("cora", "compliance"))
    assert compliance.get(API).status_code == 200 and compliance.post(API, body, **JSON).status_code == 403
