"""What goes wrong outside a view is told in the form of the interface: OpenAI's error, a problem, or a page."""

import asyncio
import json

import pytest
from django.test import Client

from cftapp.operations.limits import MOST_BYTES, LimitedBodies
from tests.support.people import person, signed_in


def is_openai_error(response, status):
    assert response.status_code == status and response["Content-Type"] == "application/json"
    error = response.json()["error"]
    return bool(error["message"]) and set(error) == {"message", "type", "param", "code"}


def is_problem(response, status):
    assert response.status_code == status and response["Content-Type"] == "application/problem+json"
    problem = response.json()
    return problem["status"] == status and problem["title"] and problem["detail"]


def is_page(response, status):
    assert response.status_code == status and response["Content-Type"].startswith("text/html")
    return f'<p class="code">{status}</p>' in response.content.decode()


def test_an_unknown_address(client, db):
    for address in ("/v1/", "/v1/embeddings", "/v1/chat/completions/x"):
        assert is_openai_error(client.post(address), 404)
    for address in ("/api/", "/api/v2/interactions/", "/api/v1/nothing", "/api/v1/consents/no-uuid/"):
        assert is_problem(client.get(address), 404)
    for address in ("/nothing/", "/curation/bench/x/", "/v1", "/apifoo"):
        assert is_page(client.get(address), 404)


def test_another_method(client, db):
    for method, address in (("GET", "/v1/chat/completions"), ("POST", "/v1/models"), ("DELETE", "/v1/models/v1")):
        response = client.generic(method, address)
        assert is_openai_error(response, 405) and response["Allow"]
    assert is_problem(signed_in(person("mori", "engineer")).delete("/api/v1/runs/"), 405)
    page = signed_in(person("rosa", "reviewer")).get("/curation/bench/1/decide/")
    assert is_page(page, 405) and page["Allow"] == "POST"


def test_more_than_may_be_sent(client, db, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    large = {"data": "x" * 1000, "content_type": "application/json"}
    assert is_problem(signed_in(person("mori", "engineer")).post("/api/v1/runs/", **large), 413)
    form = {"data": "username=" + "x" * 1000, "content_type": "application/x-www-form-urlencoded"}
    assert is_page(client.post("/accounts/login/", **form), 413)


@pytest.mark.parametrize("path, kind", [("/v1/models", "json"), ("/api/v1/runs/", "problem+json"), ("/", "plain")])
def test_more_than_the_site_takes_at_all(path, kind):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(b"content-length", str(MOST_BYTES + 1).encode())]}
    asyncio.run(LimitedBodies(None)(scope, None, send))
    assert sent[0]["status"] == 413
    content_type = dict(sent[0]["headers"])[b"content-type"].decode()
    assert kind in content_type
    assert b"too large" in sent[1]["body"]
    assert "json" not in kind or json.loads(sent[1]["body"])


def test_a_host_that_is_not_ours(client, db):
    assert is_openai_error(client.get("/v1/models", headers={"Host": "evil.example"}), 400)
    assert is_problem(client.get("/api/v1/runs/", headers={"Host": "evil.example"}), 400)
    page = client.get("/accounts/login/", headers={"Host": "evil.example"})
    assert is_page(page, 400) and "evil" not in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_ours_has_its_form_too(monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError

    client = Client(raise_request_exception=False)
    monkeypatch.setattr("serving.gateway.views.authenticate", fail)
    monkeypatch.setattr("feedback.api.authentication.BearerKey.authenticate", fail)
    monkeypatch.setattr("cftapp.console.views.render", fail)
    key = {"Authorization": "Bearer cft_x"}
    assert is_openai_error(client.get("/v1/models", headers=key), 500)
    assert is_problem(client.get("/api/v1/interactions/", headers=key), 500)
    assert is_page(client.get("/"), 500)
