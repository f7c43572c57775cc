"""Errors name the field, what is wrong with it and what would be accepted. Refused means unchanged."""

import json
import uuid

import pytest

from feedback.actions import register_source, revoke_api_key
from feedback.models import Interaction
from tests.feedback.conftest import Application

RIGHT = {"subject": "u-1", "prompt": "p", "answer": "a"}


@pytest.fixture(autouse=True)
def unchanged(request):
    yield
    if "application" in request.fixturenames and "recorded" not in request.fixturenames:
        assert not Interaction.objects.exists()


def problem(response, status):
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status and body["title"] and body["detail"]
    return body


@pytest.mark.parametrize(
    "change, field",
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": "   "}, "prompt"),
        ({"prompt": "x" * 200_001}, "prompt"),
        ({"prompt": "a\x00b"}, "prompt"),
        ({"answer": "\ud800"}, "answer"),
        ({"subject": "\udfff"}, "subject"),
        ({"external_id": "\x00"}, "external_id"),
        ({"subject": "x" * 513}, "subject"),
        ({"environment": "moon"}, "environment"),
        ({"replay_of": "no uuid"}, "replay_of"),
        ({"happened_at": "yesterday"}, "happened_at"),
        ({"propmt": "x"}, "propmt"),
        ({"subject": ""}, "subject"),
    ],
)
def test_a_wrong_field_is_named_with_a_remedy(application, change, field):
    body = problem(application.post("interactions/", RIGHT | change), 422)
    assert [error["field"] for error in body["errors"]] == [field]
    assert body["errors"][0]["remedy"] and body["errors"][0]["message"]


def test_values_are_not_echoed(application):
    response = application.post("interactions/", RIGHT | {"environment": "zyzzyva", "happened_at": "zyzzyva"})
    assert b"zyzzyva" not in response.content


def test_a_missing_subject_is_named(application):
    body = problem(application.post("interactions/", {"prompt": "p", "answer": "a"}), 422)
    assert body["errors"][0]["field"] == "subject"


@pytest.mark.parametrize(
    "raw", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b'{"prompt": NaN}', b'"text"', b"null", b"[]", b"1"]
)
def test_a_body_that_is_no_object_is_refused(application, raw):
    response = application.post("interactions/", None, raw=raw)
    assert response.status_code in (400, 422)
    problem(response, response.status_code)


def test_half_a_surrogate_pair_in_a_name(application):
    for raw in (rb'{"\ud800": 1}', rb'{"subject": "u", "prompt": "p", "answer": {"\udfff": 1}}'):
        assert "surrogate" in problem(application.post("interactions/", None, raw=raw), 400)["detail"]
    lines = b'{"kind": "comment"}\n{"\\ud800": 1}\n'
    refused = application.post("feedback/batch", None, raw=lines, **{"Content-Type": "application/x-ndjson"})
    assert problem(refused, 400)["detail"].startswith("Line 2, at \\ud800: ")


def test_a_body_that_is_too_large(application):
    problem(application.post("interactions/", None, raw=b'"' + b"x" * (5 * 2**20) + b'"'), 413)


def test_another_content_type(application):
    problem(application.post("interactions/", None, raw=b"a=b", **{"Content-Type": "text/plain"}), 415)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer cft_wrong", "Basic YTpi", "Bearer \xff"])
def test_without_a_key(application, client, header):
    response = client.post(
        "/api/v1/interactions/", RIGHT, content_type="application/json", headers={"Authorization": header}
    )
    problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key(application):
    revoke_api_key(application.key, by="process:test")
    problem(application.post("interactions/", RIGHT), 401)


def test_a_signed_in_person_is_no_application(client, ada, application):
    client.force_login(ada)
    response = client.post("/api/v1/interactions/", RIGHT, content_type="application/json")
    problem(response, 401)


def test_another_method(application):
    response = application.client.put("/api/v1/interactions/", headers=application.authorization)
    problem(response, 405)


@pytest.fixture
def recorded(application):
    return application.interaction()


def test_feedback_on_an_unknown_interaction(application, recorded):
    body = {"interaction": str(uuid.uuid4()), "what_happened": "x"}
    assert problem(application.post("bug-reports/", body), 422)["errors"][0]["field"] == "interaction"


def test_feedback_on_another_sources_interaction(application, recorded, db):
    forum = Application(register_source("forum", "Forum", by="process:test"))
    problem(forum.post("bug-reports/", {"interaction": recorded, "what_happened": "x"}), 422)


def test_a_cursor_that_is_none(application, recorded):
    problem(application.get("interactions/?cursor=%ff"), 404)


def test_the_limit_of_a_key(application, recorded, settings):
    settings.CFT_API_REQUESTS_PER_MINUTE = 2
    from django.core.cache import cache

    cache.clear()
    codes = [application.post("interactions/", RIGHT).status_code for _ in range(2)]
    assert codes == [201, 201]
    response = application.post("interactions/", RIGHT)
    problem(response, 429)
    assert 1 <= int(response.headers["Retry-After"]) <= 61


def test_the_vault_away(examined, monkeypatch, recorded):
    from feedback import mailbox

    monkeypatch.setattr(mailbox, "VAULT", "nowhere")
    response = examined.post("interactions/", RIGHT)
    problem(response, 503)
    assert response.headers["Retry-After"] == "1"
    assert not Interaction.objects.filter(source=examined.source).exists()


def test_deep_nesting_inside_a_row(application):
    raw = json.dumps([1]).replace("1", "[" * 90 + "]" * 90).encode()
    assert application.post("feedback/batch", None, raw=raw).json()["refused"] == 1
