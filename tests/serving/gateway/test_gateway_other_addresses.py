"""What OpenAI has and the gateway has not: an error that its clients read, and what to use instead."""

import httpx
import openai
import pytest
from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)


def test_responses_and_embeddings_say_what_to_use(tool_client):
    for call in (
        lambda: tool_client.responses.create(model="champion", input="Hi"),
        lambda: tool_client.embeddings.create(model="champion", input="Hi"),
        lambda: tool_client.completions.create(model="champion", prompt="Hi"),
    ):
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        assert refused.value.code == "unknown_endpoint" and refused.value.type == "invalid_request_error"
    with pytest.raises(openai.NotFoundError, match="/v1/chat/completions"):
        tool_client.responses.create(model="champion", input="Hi", tools=[{"type": "web_search"}])
    with pytest.raises(openai.NotFoundError, match="server of embeddings"):
        tool_client.embeddings.create(model="champion", input="Hi")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize("path", ["responses/resp_1/", "files", "audio/speech", "", "a/b/c", "chat"])
def test_every_other_address_answers_in_openais_format(method, path, services):
    answer = Client().generic(method, f"/v1/{path}")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["error"]["code"] == "unknown_endpoint"
    assert "/v1/chat/completions" in answer.json()["error"]["message"]


def test_a_slash_more_is_the_same_address(tool_web, tool_client):
    headers = {"Authorization": f"Bearer {tool_client.api_key}"}
    assert httpx.get(f"{tool_web.url}/v1/models/", headers=headers).status_code == 200
