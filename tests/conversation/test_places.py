"""Each text of a conversation is found by its path, and the conversation reads as one text."""

import pytest

from conversation import answer_places, answer_text, decoded_arguments, places, read, read_answer

TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather of a city.", "parameters": {"required": ["city"]}},
}


def conversation():
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    return read(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Sun?", "name": "Ada"},
            {"role": "assistant", "content": None, "tool_calls": [call], "reasoning": "I look."},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": [{"type": "text", "text": "And "}, {"type": "file", "file": {"file_id": "f"}}]},
        ],
        [TOOL],
    )


def test_every_text_has_its_path():
    assert [tuple(place) for place in places(conversation())] == [
        ("messages[0].content", "Be brief.", "system"),
        ("messages[1].name", "Ada", "user"),
        ("messages[1].content", "Sun?", "user"),
        ("messages[2].reasoning", "I look.", "assistant"),
        ("messages[2].tool_calls[0].function.arguments", '{"city": "Oslo"}', "assistant"),
        ("messages[3].content", "sunny", "tool"),
        ("messages[4].content", "Yes.", "assistant"),
        ("messages[5].content[0].text", "And ", "user"),
        ("tools[0].type", "function", "tools"),
        ("tools[0].function.name", "weather", "tools"),
        ("tools[0].function.description", "The weather of a city.", "tools"),
        ("tools[0].function.parameters.required[0]", "city", "tools"),
    ]


def test_an_answer_has_its_paths():
    call = {"id": "c", "function": {"name": "weather", "arguments": "{}"}}
    answer = read_answer({"content": "I look.", "tool_calls": [call]})
    assert [place.path for place in answer_places(answer)] == [
        "answer.content", "answer.tool_calls[0].function.arguments",
    ]  # fmt: skip
    assert answer_text(answer) == "I look.\n[calls weather({})]"


def test_it_reads_as_lines():
    assert conversation().text == (
        "system: Be brief.\nuser: Sun?\nassistant: [calls weather({\"city\": \"Oslo\"})]\ntool: sunny\n"
        "assistant: Yes.\nuser: And [file]"
    )  # fmt: skip


def test_the_opening_is_that_of_every_later_turn():
    whole = conversation()
    first = read(whole.messages[:2], whole.tools)
    assert whole.opening == first.opening == "system: Be brief.\nuser: Sun?"
    assert (first.turn, whole.turn) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ('{"q": "\\u0057hich \\"day\\"?"}', 'Which "day"?'),
        ('{"a": ["x", {"b": "y"}], "n": 3}', "x\ny"),
        ("no JSON", "no JSON"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_arguments_say_what_they_say_without_escapes(arguments, says):
    assert decoded_arguments(arguments) == says
