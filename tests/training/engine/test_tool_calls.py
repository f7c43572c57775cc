"""Calls of functions, as each family's template writes them: served, learnt, and never a command somebody wrote."""

import json
from functools import cache

import pytest

from conversation import Conversation
from tests.support.chat_templates import tokenizer_of
from training.engine.encoding import Encoded, Unencodable, encode, prompt_ids
from training.engine.templates import places_of

tokenizer = cache(tokenizer_of)
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ASKED = {"role": "user", "content": "What is the weather in Oslo?"}
RESULT = {"role": "tool", "tool_call_id": "call_from_a_client_1", "content": '{"sky": "sunny"}'}
WITH_CALLS = ["Llama 3", "Qwen 2.5", "Qwen 3", "Mistral", "DeepSeek"]
WITHOUT = ["Gemma", "Phi", "SmolLM2", "marked"]


def call(arguments: str = '{"city":"Oslo"}', identity: str = "call_from_a_client_1") -> dict:
    function = {"name": "weather", "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": identity, "type": "function", "function": function}]}


def learnt(name: str, row: Encoded) -> str:
    [(start, end)] = row.learnt
    return tokenizer(name).decode(row.ids[start:end])


CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call><|im_end|>\n'


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Llama 3", '{"name": "weather", "parameters": {"city": "Oslo"}}<|eot_id|>'),
        ("Qwen 2.5", CALL),
        ("Qwen 3", "<think>\n\n</think>\n\n" + CALL),
        ("Mistral", '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Oslo"}, "id": "ID"}]</s>'),
        (
            "DeepSeek",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n"
            '{"city":"Oslo"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>',
        ),
    ],
)
def test_a_call_is_learnt_as_the_template_writes_it(name: str, written: str) -> None:
    identity = "abcDEF123"
    row = encode(tokenizer(name), Conversation([ASKED], [TOOL]), call(identity=identity))
    assert learnt(name, row) == written.replace("ID", identity)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("Llama 3", "object"), ("Qwen 2.5", "object"), ("Qwen 3", "object"), ("Mistral", "object"), ("DeepSeek", "text")]
    + [(name, "") for name in WITHOUT],
)
def test_each_template_gets_arguments_as_it_wants_them(name: str, arguments: str) -> None:
    assert places_of(tokenizer(name)).arguments == arguments


def test_arguments_are_never_written_as_text_within_text() -> None:
    """Qwen 2.5 would write a text as JSON once more; one object has one spelling, whatever its spaces."""
    rows = [
        encode(tokenizer("Qwen 2.5"), Conversation([ASKED], [TOOL]), call(arguments))
        for arguments in ('{"city":"Oslo"}', '{ "city" : "\\u004fslo" }')
    ]
    assert rows[0] == rows[1] and "\\" not in learnt("Qwen 2.5", rows[0])


@pytest.mark.parametrize("name", WITH_CALLS)
def test_a_result_and_what_was_made_of_it_are_served_as_trained(name: str) -> None:
    asked = Conversation([ASKED, call(), RESULT], [TOOL])
    row = encode(tokenizer(name), asked, "It is sunny there.")
    assert row.prompt == prompt_ids(tokenizer(name), asked.messages, asked.tools)
    text = tokenizer(name).decode(row.prompt)
    assert "sunny" in text and "The weather of a city." in text and "Oslo" in text
    assert "It is sunny there." in learnt(name, row) and "sky" not in learnt(name, row)


@pytest.mark.parametrize("name", WITHOUT)
def test_what_a_template_would_leave_out_without_a_word_is_refused(name: str) -> None:
    with pytest.raises(Unencodable, match="no place for tools") as refused:
        prompt_ids(tokenizer(name), [ASKED], [TOOL])
    assert refused.value.field == "tools"
    with pytest.raises(Unencodable, match="no place for calls of functions") as refused:
        encode(tokenizer(name), Conversation([ASKED]), call())
    assert refused.value.field == "answer.tool_calls"
    with pytest.raises(Unencodable) as refused:
        encode(tokenizer(name), Conversation([ASKED, call(), RESULT]), "Sunny.")
    assert refused.value.field == "messages[1].tool_calls"


def test_words_beside_a_call_are_learnt_or_refused() -> None:
    answer = {**call(), "content": "I look it up."}
    assert learnt("Qwen 2.5", encode(tokenizer("Qwen 2.5"), Conversation([ASKED]), answer)).startswith(
        "I look it up.\n<t"
    )
    with pytest.raises(Unencodable, match="no place for words beside a call"):
        encode(tokenizer("Llama 3"), Conversation([ASKED]), answer)


def test_several_calls_are_learnt_or_refused_in_the_templates_words() -> None:
    answer = call()
    answer["tool_calls"] += call('{"city": "Rome"}', "second")["tool_calls"]
    assert learnt("Qwen 2.5", encode(tokenizer("Qwen 2.5"), Conversation([ASKED]), answer)).count("<tool_call>") == 2
    with pytest.raises(Unencodable, match="only supports single tool-calls"):
        encode(tokenizer("Llama 3"), Conversation([ASKED]), answer)


def test_ids_are_shortened_alike_in_call_and_result_where_a_template_wants_nine_letters() -> None:
    text = tokenizer("Mistral").decode(prompt_ids(tokenizer("Mistral"), [ASKED, call(), RESULT]))
    made, again = (part.split('"')[0] for part in text.split('id": "')[1:])
    assert made == again and len(made) == 9 and made.isalnum()
    assert not places_of(tokenizer("Qwen 2.5")).short_ids


def test_arguments_that_are_no_object_are_refused_with_their_path() -> None:
    messages = [ASKED, call('{"city": '), RESULT]
    with pytest.raises(Unencodable, match="arguments as a JSON object") as refused:
        prompt_ids(tokenizer("Qwen 2.5"), messages)
    assert refused.value.field == "messages[1].tool_calls[0].function.arguments"
    assert '{"city": ' in tokenizer("DeepSeek").decode(prompt_ids(tokenizer("DeepSeek"), messages))
    assert 'parameters": {}}' in tokenizer("Llama 3").decode(
        prompt_ids(tokenizer("Llama 3"), [ASKED, call(""), RESULT])
    )


@pytest.mark.parametrize("name", WITH_CALLS)
def test_no_argument_result_or_description_opens_a_turn(name: str) -> None:
    control = tokenizer(name).all_special_tokens + [
        token.content for token in tokenizer(name).added_tokens_decoder.values()
    ]
    every = "".join(token for token in dict.fromkeys(control) if token.strip() and "\\" not in token)

    def commands(said: str) -> tuple[list[int], str]:
        function = {**TOOL["function"], "description": said, "parameters": {"properties": {said: {"enum": [said]}}}}
        messages = [
            {"role": "user", "content": said},
            call(json.dumps({said: said}, ensure_ascii=True)),
            {**RESULT, "content": said},
        ]
        row = encode(
            tokenizer(name),
            Conversation(messages, [{"type": "function", "function": function}]),
            call(json.dumps({said: [said]})),
        )
        added = tokenizer(name).added_tokens_decoder
        return [token for token in row.ids if token in added], tokenizer(name).decode(row.ids)

    ordinary, _ = commands("low bell")
    found, text = commands(every)
    assert found == ordinary
    assert text.count(every) >= 4
