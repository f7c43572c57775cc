"""Conversations in a line: an answer with its calls, and the name of a place."""

import json

import pytest

from conversation import stored_answer
from conversation.lines import Line, line_of, place_name

CALL = {"id": "c1", "type": "function", "function": {"name": "tides", "arguments": '{\n  "port": "Arden"\n}'}}


def test_a_text_is_a_text_whatever_it_looks_like():
    assert line_of('[calls tides({"port": "Arden"})]') == Line('[calls tides({"port": "Arden"})]')


def test_a_call_has_its_name_and_its_arguments_in_one_line():
    stored = stored_answer({"role": "assistant", "content": "Let me look.", "tool_calls": [CALL, CALL]})
    line = line_of("as it reads", stored)
    assert line.words == "Let me look."
    assert line.calls == [("tides", '{ "port": "Arden" }')] * 2


def test_an_answer_of_parts_is_its_words():
    answer = {"role": "assistant", "content": [{"type": "text", "text": "At "}, {"type": "text", "text": "four."}]}
    assert line_of("At four.", json.dumps(answer)) == Line("At four.")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("prompt", "the question"),
        ("answer", "the answer"),
        ("answer.content", "the answer"),
        ("answer.tool_calls[1].function.arguments", "the answer, arguments of call 2"),
        ("messages[4].content", "message 5"),
        ("messages[4].content[2].text", "message 5"),
        ("messages[0].reasoning", "message 1, reasoning"),
        ("messages[3].tool_calls[0].function.name", "message 4, name of call 1"),
        ("tools[0].function.parameters.properties.port.description", "tool 1"),
        ("something.else", "something.else"),
    ],
)
def test_a_path_is_named_as_a_reader_counts(path, name):
    assert place_name(path) == name
