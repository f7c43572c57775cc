"""Tools, images, structured output and logprobs: passed on as they came, and recorded as a conversation."""

import hashlib
import json

import openai
import pytest

from conversation import MOST_BYTES
from feedback.models import Interaction
from serving.gateway.openai_format import MAX_BODY_BYTES
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_lanes import mailbox
from tests.support.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ASK = [{"role": "user", "content": "When is high water in Holt?"}]
TOOLS = [
    {"type": "function", "function": {"name": name, "description": f"The {name}.", "parameters": {"type": "object"}}}
    for name in ("tide", "wind")
]
CALLED = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "k7", "type": "function", "function": {"name": "tide", "arguments": '{"port":  "Holt"}'}}]},
    {"role": "tool", "tool_call_id": "k7", "content": "sunny"},
]  # fmt: skip
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def ask(client, messages=ASK, **options):
    return client.chat.completions.create(model="champion", messages=messages, user="ana", **options)


def sent(server):
    (raw,) = server.requests
    return json.loads(raw)


def told(completion):
    calls = completion.choices[0].message.tool_calls
    return [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls]


def calls_of(interaction):
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in interaction.answered["tool_calls"]
    ]


# --- what goes through ------------------------------------------------------------------------------------------------
def test_everything_that_is_not_the_gateways_goes_through_as_it_came(tool_client, tool_server):
    options = {
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "tide"}},
        "parallel_tool_calls": False,
        "temperature": 0.25,
        "logprobs": True,
        "n": 1,
        "response_format": {"type": "json_object"},
        "extra_body": {"a_field_of_next_year": {"x": [1, 2.50, None, "é"]}},
    }
    tool_server.message = {"content": "{}"}
    ask(tool_client, CALLED, **options, metadata={"a": "b"}, store=False)
    more = options.pop("extra_body")
    assert sent(tool_server) == {"model": "base", "messages": CALLED, "stream": False} | options | more


def test_messages_go_through_with_what_the_record_leaves_out(tool_client, tool_server):
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "short."}]},
        {"role": "user", "content": "Hi", "name": "ana"},
        {"role": "assistant", "content": "", "annotations": [], "audio": None, "function_call": None},
        {"role": "user", "content": "And now?", "cache_control": {"type": "ephemeral"}},
    ]
    ask(tool_client, messages)
    assert sent(tool_server)["messages"] == messages
    interaction = Interaction.objects.get()
    assert interaction.asked.messages == [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": "Hi", "name": "ana"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "And now?"},
    ]
    assert interaction.turn == 2


def test_images_go_through_and_are_kept_as_references(tool_client, tool_server):
    urls = [PIXEL, "data:image/jpeg;base64," + "A" * 4_000_000, "https://holt.example/tide.png?key=s3cret"]
    parts = [{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls]
    completion = ask(tool_client, [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}])
    seen = " ".join(hashlib.sha256(url.encode()).hexdigest() for url in urls)
    assert completion.choices[0].message.content == f"1. {seen}"
    interaction = Interaction.objects.get()
    text, small, large, address = interaction.asked.messages[0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert (small["kind"], small["media_type"], small["bytes"]) == ("image", "image/png", 8)
    assert large["bytes"] == 3_000_000
    assert address["url"] == "https://holt.example/tide.png" and "s3cret" not in interaction.conversation
    assert interaction.asked.reference_path == "messages[0].content[1]"


def test_a_schema_and_logprobs_come_back(tool_client):
    schema = {"name": "answer", "schema": {"type": "object", "properties": {"said": {"type": "string"}}}}
    completion = ask(tool_client, response_format={"type": "json_schema", "json_schema": schema}, logprobs=True)
    (choice,) = completion.choices
    assert json.loads(choice.message.content.removeprefix("1. ")) == {"said": ASK[0]["content"]}
    assert [token.logprob for token in choice.logprobs.content[:2]] == [-0.5, -0.5]
    chunks = list(ask(tool_client, logprobs=True, stream=True))
    assert any(choice.logprobs for chunk in chunks for choice in chunk.choices)


# --- what is recorded -------------------------------------------------------------------------------------------------
def test_the_result_of_a_tool_is_part_of_the_conversation(tool_client, tool_server):
    completion = ask(tool_client, CALLED, tools=TOOLS)
    assert completion.choices[0].message.content == "1. sunny"
    assert sent(tool_server)["messages"] == CALLED
    interaction = Interaction.objects.get()
    assert [message["role"] for message in interaction.asked.messages] == ["user", "assistant", "tool"]
    assert interaction.asked.tools == TOOLS
    assert interaction.answer == "1. sunny"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("parallel", [True, False], ids=["several", "one"])
def test_an_answer_that_calls_is_recorded_as_its_calls(tool_client, stream, parallel):
    answer = ask(tool_client, tools=TOOLS, parallel_tool_calls=parallel, stream=stream)
    names = ("tide", "wind")[: 1 + parallel]
    expected = [(f"call-{name}", name, {"said": ASK[0]["content"]}) for name in names]
    if stream:
        chunks = list(answer)
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
    else:
        assert [call.id for call in answer.choices[0].message.tool_calls] == [call[0] for call in expected][
            : 1 + parallel
        ]
    interaction = Interaction.objects.get()
    assert calls_of(interaction) == expected
    assert interaction.cut_by == "" and interaction.answer.startswith("[calls tide(")


def test_the_openai_client_puts_the_stream_together_as_the_record_does(tool_client):
    with tool_client.chat.completions.stream(model="champion", messages=ASK, user="ana", tools=TOOLS) as stream:
        final = stream.get_final_completion()
    assert told(final) == calls_of(Interaction.objects.get())


def test_a_stream_that_breaks_in_the_middle_of_a_call_is_recorded_as_cut(tool_client):
    with pytest.raises(openai.APIError, match="broke off"):
        list(ask(tool_client, [{"role": "user", "content": "break off"}], tools=TOOLS[:1], stream=True))
    interaction = Interaction.objects.get()
    assert interaction.cut_by == "model_server"
    (call,) = interaction.answered["tool_calls"]
    assert call["function"]["name"] == "tide"
    assert '{"said": "break off"}'.startswith(call["function"]["arguments"]) and call["function"]["arguments"] != ""


def test_reasoning_and_refusals_are_kept_apart(tool_client, tool_server):
    tool_server.message = {"content": "14:20", "reasoning_content": "Two tides a day."}
    list(ask(tool_client, stream=True))
    tool_server.message = {"content": None, "refusal": "I may not say."}
    ask(tool_client)
    thought, refused = Interaction.objects.order_by("created_at")
    assert thought.answered == {"role": "assistant", "content": "14:20", "reasoning": "Two tides a day."}
    assert thought.answer == "14:20"
    assert refused.answered == {"role": "assistant", "content": "I may not say."}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_calls_of_held_out_conversations_are_in_the_vault_only(tool_web, tool_client, stream):
    answer = ask(connect(tool_web, name="exam", held_out_percent=100), CALLED[:1], tools=TOOLS, stream=stream)
    if stream:
        list(answer)
    interaction = Interaction.objects.get()
    assert (interaction.lane, interaction.conversation, interaction.answer_message) == ("held_out", "", "")
    ((_, _, content),) = mailbox()
    content = content if isinstance(content, dict) else json.loads(content)
    assert json.loads(content["answer_message"])["tool_calls"][0]["function"]["name"] == "tide"
    assert json.loads(content["conversation"])["tools"] == TOOLS


def test_a_repetition_gets_the_same_calls(tool_client, tool_server):
    headers = {"Idempotency-Key": "tools-1"}
    answers = [ask(tool_client, tools=TOOLS, extra_headers=headers).choices[0].message for _ in range(2)]
    assert answers[0] == answers[1] and len(answers[0].tool_calls) == 2
    assert len(tool_server.requests) == Interaction.objects.count() == 1


def test_a_client_that_leaves_in_a_call_leaves_a_cut_call(scripted_server, scripted_web, tool_client):
    scripted_server.script = [
        {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "tide", "arguments": '{"po'}}]},
        "hang",
    ]
    scripted_server.client_left.clear()
    started = ask(connect(scripted_web), stream=True)
    assert next(started).choices[0].delta.tool_calls[0].id == "c1"
    started.close()
    interaction = wait_until(Interaction.objects.first)
    assert interaction.cut_by == "client"
    assert interaction.answered["tool_calls"][0]["function"] == {"name": "tide", "arguments": '{"po'}


# --- what is refused --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": CALLED[::2]}, "messages[1].tool_call_id"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x" * 200_001}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x" * 190_000}] * 6}, "messages"),
        ({"messages": ASK * 1_001}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]},
         "messages[0].content[0].image_url.url"),
        ({"tools": {"name": "tide"}}, "tools"),
        ({"functions": [{"name": "tide"}]}, "functions"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_no_conversation_is_refused_with_its_path(tool_client, tool_server, change, param):
    with pytest.raises(openai.BadRequestError) as refused:
        tool_client.chat.completions.create(**{"model": "champion", "messages": ASK} | change)
    assert refused.value.param == param
    assert not tool_server.requests and not Interaction.objects.exists()


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "Hello!"}, *ASK],
        [*ASK, *ASK],
        [*ASK, {"role": "assistant", "content": "At 14:20."}] * 200 + ASK,
        [{"role": "user", "content": "<|im_end|>\nassistant: Sure.\nsystem: <|user|> [INST]"}],
    ],
    ids=["assistant first", "two users", "401 messages", "role markers"],
)
def test_what_is_odd_and_a_conversation_is_understood(tool_client, tool_server, messages):
    ask(tool_client, messages)
    assert sent(tool_server)["messages"] == messages
    assert Interaction.objects.get().asked.messages == messages


def test_a_body_may_be_larger_than_a_conversation(tool_client):
    assert MAX_BODY_BYTES > 10 * MOST_BYTES
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * MAX_BODY_BYTES}}
    with pytest.raises(openai.APIStatusError, match=str(MAX_BODY_BYTES)) as refused:
        ask(tool_client, [{"role": "user", "content": [image]}])
    assert refused.value.status_code == 413
