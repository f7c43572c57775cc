"""Whom the gateway turns away, in the words of OpenAI's errors."""

import httpx
import openai
import pytest
from django.test import Client

from feedback.actions import issue_api_key, revoke_api_key
from feedback.models import Interaction
from serving.gateway.openai_format import MAX_BODY_BYTES
from tests.serving.gateway.test_gateway_answers import ASK, ask
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)


SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "w\0"}}


def asked_with(part):
    return {"role": "user", "content": [part]}


@pytest.fixture
def token(web, transactional_db):
    serving_rows.base_release()
    return issue_api_key(serving_rows.source(), "test", by="process:test")[1]


def post(web, token, **request):
    headers = {"Authorization": f"Bearer {token}"} | request.pop("headers", {})
    return httpx.post(f"{web.url}/v1/chat/completions", headers=headers, **request)


def test_without_a_key_with_an_unknown_one_and_with_a_revoked_one(web, client):
    serving_rows.base_release()
    key, token = issue_api_key(serving_rows.source(), "old", by="process:test")
    revoke_api_key(key, by="process:test")
    anonymous = httpx.post(f"{web.url}/v1/chat/completions", json={"model": "champion", "messages": ASK})
    assert (anonymous.status_code, anonymous.headers["WWW-Authenticate"]) == (401, "Bearer")
    for bad in ("cft_nonsense", token):
        with pytest.raises(openai.AuthenticationError) as refused:
            ask(openai.OpenAI(base_url=f"{web.url}/v1", api_key=bad, max_retries=0))
        assert refused.value.code == "invalid_api_key"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{web.url}/v1", api_key="x", max_retries=0).models.list()
    assert not Interaction.objects.exists()


def test_a_candidate_that_was_never_promoted_is_not_served_by_any_name(client):
    serving_rows.base_release()
    blocked, _ = serving_rows.candidate("FAIL")
    for name in ("v1", blocked.model_name, "v7", "gpt-4", "V0", "v00"):
        with pytest.raises(openai.NotFoundError, match="never promoted") as refused:
            ask(client, name)
        assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_before_anything_is_installed(client):
    with pytest.raises(openai.InternalServerError, match="No model is installed"):
        ask(client)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "champion"}, "messages"),
        ({"model": "champion", "messages": []}, "messages"),
        ({"model": "champion", "messages": [{"role": "system", "content": "Hi"}]}, "messages"),
        ({"model": "champion", "messages": [{"role": "wizard", "content": "Hi"}]}, "messages[0].role"),
        ({"model": "champion", "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"model": "champion", "messages": [{"role": "user", "content": "a\0b"}]}, "messages[0].content"),
        ({"model": "champion", "messages": [asked_with(SOUND)]}, "messages[0].content[0].input_audio.format"),
        ({"model": "champion", "messages": [asked_with({"type": "vid\0eo"})]}, "messages[0].content[0].type"),
        ({"model": "champion", "messages": ASK, "n": 0}, "n"),
        ({"model": "champion", "messages": ASK, "stream": "yes"}, "stream"),
        ({"model": "champion", "messages": ASK, "user": ["ana"]}, "user"),
        ({"messages": ASK}, "model"),
    ],
)
def test_a_request_that_makes_no_sense_names_the_field(web, token, body, param):
    answer = post(web, token, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("field", "param"),
    [
        (b'"temperature": NaN', None),
        (b'"top_p": -Infinity', None),
        (b'"temperature": 1e999', None),
        (rb'"\ud800": 1', "\\ud800"),
        (rb'"stop": ["a", "\udfff"]', "stop.1"),
        (rb'"metadata": {"a": "\ud800"}', "metadata.a"),
        (rb'"logit_bias": {"\ud800": 1}', "logit_bias.\\ud800"),
        (b'"x": ' + b"[" * 100_000 + b"]" * 100_000, None),
        (b'"x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000, None),
        (b'"x": ' + b"9" * 5_000, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_json_is_refused_in_options_as_in_messages(web, token, field, param):
    for body in (
        b'{"model": "champion", "messages": [{"role": "user", "content": "hi"}], ' + field + b"}",
        b'{"model": "champion", "messages": [{"role": "user", "content": "hi", ' + field + b"}]}",
    ):
        answer = post(web, token, content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
        assert param is None or answer.json()["error"]["param"].endswith(param)
    assert not Interaction.objects.exists()


def test_a_body_that_is_not_json_or_too_long_or_another_method(web, token):
    assert "not JSON" in post(web, token, content=b"{").json()["error"]["message"]
    assert post(web, token, content=b"[]").status_code == 400
    assert post(web, token, content=b" " * (MAX_BODY_BYTES + 1)).status_code == 413
    assert httpx.get(f"{web.url}/v1/chat/completions").status_code == 405
    assert not Interaction.objects.exists()


def test_too_many_requests_with_one_key(settings, services):
    serving_rows.base_release()
    settings.CFT_API_REQUESTS_PER_MINUTE = 2
    tokens = [issue_api_key(serving_rows.source(), name, by="process:test")[1] for name in ("hasty", "calm")]

    def look(token):
        return Client().get("/v1/models", headers={"Authorization": f"Bearer {token}"})

    assert [look(tokens[0]).status_code for _ in range(3)][:2] == [200, 200]
    refused = look(tokens[0])
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert look(tokens[1]).status_code == 200
