"""The published schema is true: whatever it allows, or forbids, is answered as it says, and nothing breaks."""

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from feedback.console import api_reference

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OURS = {
    "/api/v1/interactions/": ("GET", "POST"),
    "/api/v1/bug-reports/": ("POST",),
    "/api/v1/taste-notes/": ("POST",),
    "/api/v1/corrections/": ("POST",),
    "/api/v1/comments/": ("POST",),
    "/api/v1/consent-wordings/": ("GET",),
    "/api/v1/consents/": ("POST",),
    "/api/v1/consents/withdraw": ("POST",),
    "/api/v1/consents/{subject}/": ("DELETE",),
    "/api/v1/feedback/batch": ("POST",),
}


@pytest.fixture(autouse=True)
def connections_stay_open():
    """Requests run in the test's transaction, which would end with its connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


NOTHING_TO_SEND = ("/api/v1/consent-wordings/", GenerationMode.NEGATIVE)  # and so nothing to send wrongly
CALLS = [
    pytest.param(path, method, mode, id=f"{path}-{method}-{mode.value}")
    for path, methods in OURS.items()
    for method in methods
    for mode in GenerationMode
    if (path, mode) != NOTHING_TO_SEND
]


@pytest.mark.slow
@pytest.mark.parametrize("path, method, mode", CALLS)
def test_answers_conform(application, path, method, mode):
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", WSGIHandler())
    operation = schema[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    def check(case):
        case.call_and_validate(headers=application.authorization, checks=CHECKS)

    check()


def test_every_endpoint_is_described(client, db):
    response = client.get("/api/schema/?format=json")
    paths = response.json()["paths"]
    assert set(OURS) <= set(paths)
    assert response.json()["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


def test_the_page_for_people_lists_them(client, db):
    page = client.get("/feedback/api/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "/api/v1/corrections/" in text and "replacement" in text
    assert "<script>" not in text and "style=" not in text


def test_the_page_speaks_to_people_and_not_to_programmers_of_it(client, db):
    text = client.get("/feedback/api/").content.decode()
    assert "Subclasses" not in text and "endpoints share" not in text and "`" not in text
    assert all(operation.summary not in ("", operation.path) for operation in api_reference.operations())
    assert "<code>next</code>" in text and "curl http://testserver/api/v1/interactions/" in text


def test_the_example_works(application):
    for path, body in (*api_reference.EXAMPLES, *api_reference.CONVERSATION):
        assert application.post(path.removeprefix("/api/v1/"), body).status_code == 201


def test_the_schema_says_what_a_conversation_is(client, db):
    schemas = client.get("/api/schema/?format=json").json()["components"]["schemas"]
    fields = schemas["InteractionPost"]["properties"]
    assert fields["messages"]["items"] == {"$ref": "#/components/schemas/Message"}
    assert fields["tools"]["items"] == {"$ref": "#/components/schemas/Tool"}
    assert [kind.get("maxLength", kind.get("$ref")) for kind in fields["answer"]["oneOf"]] == [
        200_000, "#/components/schemas/Message",
    ]  # fmt: skip
    assert schemas["CorrectionPost"]["properties"]["replacement"]["oneOf"] == fields["answer"]["oneOf"]
    assert schemas["Message"]["required"] == ["role"] and "200,000 characters" in fields["messages"]["description"]


def test_the_page_shows_a_conversation(client, db):
    text = client.get("/feedback/api/").content.decode()
    assert "list of Message" in text and "string | Message" in text and "tool_calls" in text
