"""What a request may ask for: what would change the answer is honoured or refused, never ignored."""

import pytest

from serving.engine.protocol import ApiError, parse_chat, parse_object

ASK = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    "field, value",
    [
        ("response_format", {"type": "json_object"}),
        ("tools", [{"type": "function"}]),
        ("tool_choice", "required"),
        ("logprobs", True),
        ("top_logprobs", 3),
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
