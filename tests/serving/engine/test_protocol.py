"""What a request may ask for: what would change the answer is honoured or refused, never ignored."""

import pytest

from serving.engine.protocol import ApiError, parse_chat, parse_object

ASK = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    "field, value",
    [
        ("response_format", {"type": "json_object"}),
        ("reasoning_effort", "high"),
        ("verbosity", "low"),
        ("ignore_eos", True),
        ("a_field_of_next_year", 1),
    ],
)
def test_what_cannot_be_honoured_is_refused(field, value):
    with pytest.raises(ApiError) as refused:
        parse_chat(ASK | {field: value})
    assert (refused.value.status, refused.value.param, refused.value.code) == (400, field, "unsupported_parameter")


@pytest.mark.parametrize(
    "field, value",
    [
        ("response_format", {"type": "text"}),
        ("response_format", None),
        ("tools", []),
        ("tool_choice", "auto"),
        ("logprobs", False),
        ("top_logprobs", 0),
        ("modalities", ["text"]),
        ("user", "ana"),
        ("metadata", {"a": "b"}),
        ("service_tier", "auto"),
        ("n", 1),
    ],
)
def test_what_asks_for_nothing_else_is_accepted(field, value):
    assert parse_chat(ASK | {field: value}) == parse_chat(ASK)


TIDE = {"type": "function", "function": {"name": "tide", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@pytest.mark.parametrize(
    "change, param",
    [
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [TIDE, {"type": "custom", "custom": {"name": "sql"}}]}, "tools[1]"),
        ({"tools": [TIDE | {"function": TIDE["function"] | {"strict": True}}]}, "tools[0].function.strict"),
        ({"tools": [TIDE, TIDE]}, "tools"),
        ({"tools": [TIDE], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [TIDE], "tool_choice": {"type": "function", "function": {"name": "tide"}}}, "tool_choice"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content[0]"),
        ({"messages": [*ASK["messages"], {"role": "tool", "tool_call_id": "c1", "content": "14:20"}]},
         "messages[1].tool_call_id"),
        ({"n": 9}, "n"),
        ({"n": True}, "n"),
        ({"logprobs": 1}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ],
)  # fmt: skip
def test_what_this_model_cannot_do_is_refused_by_the_name_of_its_field(change, param):
    with pytest.raises(ApiError) as refused:
        parse_chat(ASK | change)
    assert (refused.value.status, refused.value.param) == (400, param)


def test_tools_are_shown_and_called_unless_they_may_not_be():
    for choice in ({}, {"tool_choice": None}, {"tool_choice": "auto"}):
        asked = parse_chat(ASK | {"tools": [TIDE]} | choice)
        assert asked.conversation.tools == [TIDE] and asked.may_call and asked.stop == []
    silent = parse_chat(ASK | {"tools": [TIDE], "tool_choice": "none", "stop": "x"})
    assert silent.conversation.tools == [TIDE] and not silent.may_call and silent.stop == ["x", "<tool_call>"]
    assert not parse_chat(ASK).may_call and parse_chat(ASK | {"tool_choice": "none"}).stop == []


def test_a_message_comes_back_as_it_was_answered():
    called = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    again = {"role": "assistant", "content": None, "tool_calls": [called], "refusal": None, "annotations": []}
    result = {"role": "tool", "tool_call_id": "c1", "content": "14:20"}
    asked = parse_chat(ASK | {"messages": [*ASK["messages"], again, result]}).conversation
    assert asked.messages[1:] == [{"role": "assistant", "tool_calls": [called]}, result]


def test_how_likely_tokens_were_is_told_on_demand():
    asked = ({}, {"logprobs": True}, {"logprobs": True, "top_logprobs": 5}, {"logprobs": False, "top_logprobs": 0})
    assert [parse_chat(ASK | each).top_logprobs for each in asked] == [None, 0, 5, None]


def test_what_is_honoured_arrives():
    asked = parse_chat(
        ASK
        | {"top_k": 5, "min_p": 0.1, "presence_penalty": 1, "frequency_penalty": -2, "repetition_penalty": 1.2}
        | {"logit_bias": {"7": -100, "0": 2.5}}
    ).sampling
    assert (asked.top_k, asked.min_p, asked.presence_penalty, asked.frequency_penalty) == (5, 0.1, 1.0, -2.0)
    assert asked.repetition_penalty == 1.2 and asked.logit_bias == {7: -100.0, 0: 2.5}
    assert parse_chat(ASK | {"top_k": -1}).sampling.top_k == 0


@pytest.mark.parametrize(
    "field, value",
    [
        ("presence_penalty", 2.1),
        ("frequency_penalty", "1"),
        ("repetition_penalty", 0),
        ("top_k", 1.5),
        ("min_p", -0.1),
        ("logit_bias", [1]),
        ("logit_bias", {"word": 1}),
        ("logit_bias", {"-1": 1}),
        ("temperature", float("nan")),
    ],
)
def test_a_value_out_of_range_names_the_field(field, value):
    with pytest.raises(ApiError) as refused:
        parse_chat(ASK | {field: value})
    assert refused.value.param == field


def test_a_bias_out_of_range_names_the_token():
    with pytest.raises(ApiError, match="100") as refused:
        parse_chat(ASK | {"logit_bias": {"7": 101}})
    assert refused.value.param == "logit_bias.7"


@pytest.mark.parametrize("raw", [b'{"a": NaN}', b"[" * 100_000, b"\xff", rb'{"a": "\ud800"}', b"[]", b""])
def test_what_is_no_json(raw):
    with pytest.raises(ApiError) as refused:
        parse_object(raw)
    assert refused.value.status == 400
