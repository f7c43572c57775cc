"""Headers name the conversation and the tenant of a request; a key may post for one tenant only."""

import openai
import pytest

from feedback.models import ApiKey, Interaction, Source
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_tools import ASK, ask

pytestmark = pytest.mark.django_db(transaction=True)
LATER = [*ASK, {"role": "assistant", "content": "At 14:20."}, {"role": "user", "content": "And tomorrow?"}]


def recorded():
    return list(Interaction.objects.order_by("created_at"))


def test_turns_of_one_conversation_are_known_by_the_applications_id(tool_client):
    ask(tool_client, extra_headers={"X-Cft-Conversation": "chat-7"})
    ask(tool_client, LATER, extra_headers={"X-Cft-Conversation": "chat-7"})
    ask(tool_client, LATER, extra_headers={"X-Cft-Conversation": "chat-8"})
    first, second, other = recorded()
    assert first.conversation_key == second.conversation_key != other.conversation_key
    assert [row.turn for row in (first, second, other)] == [1, 2, 2]


def test_without_an_id_they_are_known_by_how_they_began(tool_client):
    ask(tool_client)
    ask(tool_client, LATER)
    ask(tool_client, LATER[2:])
    first, second, other = recorded()
    assert first.conversation_key == second.conversation_key != other.conversation_key


def test_an_id_that_is_too_long_is_refused(tool_client):
    ask(tool_client, extra_headers={"X-Cft-Conversation": "x" * 512})
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        ask(tool_client, extra_headers={"X-Cft-Conversation": "x" * 513})
    assert refused.value.param == "X-Cft-Conversation"
    assert Interaction.objects.count() == 1


def test_a_tenant_is_the_keys_or_the_headers_or_the_sources(tool_client, tool_web):
    ask(tool_client)
    ask(tool_client, extra_headers={"X-Cft-Tenant": "north"})
    ApiKey.objects.update(tenant="south")
    ask(tool_client)
    ask(tool_client, extra_headers={"X-Cft-Tenant": "south"})
    branded = connect(tool_web, name="branded")
    Source.objects.filter(name="branded").update(tenant="west")
    ask(branded)
    assert [row.tenant for row in recorded()] == ["", "north", "south", "south", "west"]


def test_a_key_of_one_tenant_posts_for_no_other(tool_client, tool_server):
    ApiKey.objects.update(tenant="south")
    with pytest.raises(openai.PermissionDeniedError, match="south only") as refused:
        ask(tool_client, extra_headers={"X-Cft-Tenant": "north"})
    assert (refused.value.code, refused.value.param) == ("tenant_forbidden", "X-Cft-Tenant")
    assert not tool_server.requests and not Interaction.objects.exists()


@pytest.mark.parametrize("tenant", ["north", "no tenant", "x" * 61])
def test_what_the_source_is_not_or_what_is_no_name_is_refused_before_a_model_is_asked(tool_client, tool_server, tenant):
    Source.objects.update(tenant="west")
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        ask(tool_client, extra_headers={"X-Cft-Tenant": tenant})
    assert refused.value.param == "X-Cft-Tenant"
    assert not tool_server.requests and not Interaction.objects.exists()


@pytest.mark.parametrize("name", ["X-Cft-Conversation", "X-Cft-Tenant"])
def test_another_name_is_another_request_under_an_idempotency_key(tool_client, name):
    key = {"Idempotency-Key": "names-1"}
    ask(tool_client, extra_headers=key | {name: "a"})
    ask(tool_client, extra_headers=key | {name: "a"})
    for other in ({name: "b"}, {}):
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            ask(tool_client, extra_headers=key | other)
        assert refused.value.code == "idempotency_key_reused"
    assert Interaction.objects.count() == 1
