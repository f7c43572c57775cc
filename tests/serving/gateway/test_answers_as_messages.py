"""What a model server says becomes a message in the one spelling, whole or put together from its deltas."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gateway.answers import Answered, StreamedAnswers, answers_of, recorded

CALL = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": '{"port": "Holt"}'}}
OTHER = {"id": "c2", "type": "function", "function": {"name": "wind", "arguments": "{}"}}


def delta(index=0, finish_reason=None, **delta):
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


def part(index=0, call_id=None, name=None, arguments=None):
    called = {"name": name, "arguments": arguments}
    return {"index": index, "id": call_id, "function": {key: text for key, text in called.items() if text is not None}}


def put_together(*chunks, cut_by=""):
    streamed = StreamedAnswers()
    for chunk in chunks:
        streamed.add(chunk)
    return streamed.answers(cut_by)


# --- whole answers ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"content": "Hi."}, {"content": "Hi."}),
        ({"content": None}, {"content": ""}),
        ({}, {"content": ""}),
        ({"content": None, "tool_calls": [CALL]}, {"tool_calls": [CALL]}),
        ({"content": "Wait.", "tool_calls": [CALL, OTHER]}, {"content": "Wait.", "tool_calls": [CALL, OTHER]}),
        ({"content": "5", "reasoning_content": "2 + 3"}, {"content": "5", "reasoning": "2 + 3"}),
        ({"content": None, "refusal": "I will not."}, {"content": "I will not."}),
        ({"content": "a\0b \ud800"}, {"content": "ab ?"}),
        ({"content": None, "tool_calls": [CALL | {"id": ""}]}, {"tool_calls": [CALL | {"id": "call_0"}]}),
        ({"content": "x" * 300_000}, {"content": "x" * 300_000}),
    ],
)  # fmt: skip
def test_an_answer_is_kept_in_the_one_spelling(said, kept):
    assert recorded({"role": "assistant", **said}) == {"role": "assistant", **kept}


def test_a_call_of_a_custom_tool_is_a_call_with_its_text():
    said = {
        "content": None,
        "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}],
    }
    (call,) = recorded(said)["tool_calls"]
    assert call["function"] == {"name": "sql", "arguments": "SELECT"}


@pytest.mark.parametrize("calls", [["tide"], [{"id": "c1"}], [CALL, CALL], [CALL | {"function": {"name": 3}}]])
def test_what_fits_no_message_is_kept_as_the_text_that_it_is(calls):
    said = {"role": "assistant", "content": "Hm.", "tool_calls": calls}
    assert json.loads(recorded(said)["content"]) == said


def test_each_choice_is_an_answer():
    completion = {"choices": [{"index": 0, "message": {"content": "a"}}, {"index": 1, "message": {"content": "b"}}]}
    assert [answered.message["content"] for answered in answers_of(completion).values()] == ["a", "b"]


# --- streams ----------------------------------------------------------------------------------------------------------
def test_calls_side_by_side_are_put_together():
    (answered,) = put_together(
        delta(role="assistant", content=None),
        delta(tool_calls=[part(0, "c1", "tide", ""), part(1, "c2", "wind", "")]),
        delta(tool_calls=[part(0, arguments='{"port"'), part(1, arguments="{")]),
        delta(tool_calls=[part(0, arguments=': "Holt"}'), part(1, arguments="}")]),
        delta(finish_reason="tool_calls"),
    ).values()
    assert answered == Answered({"role": "assistant", "tool_calls": [CALL, OTHER]})


def test_another_id_under_the_same_index_is_another_call():
    (answered,) = put_together(
        delta(tool_calls=[part(0, "c1", "tide", '{"port": "Holt"}')]),
        delta(tool_calls=[part(0, "c2", "wind", "{}")]),
        delta(finish_reason="stop"),
    ).values()
    assert answered.message["tool_calls"] == [CALL, OTHER]


def test_half_a_call_is_kept_as_half_a_call_that_was_cut():
    (answered,) = put_together(
        delta(content="Wait. "), delta(tool_calls=[part(0, "c1", "tide", '{"po')]), cut_by="model_server"
    ).values()
    assert answered.cut_by == "model_server"
    assert answered.message["content"] == "Wait. "
    assert answered.message["tool_calls"][0]["function"] == {"name": "tide", "arguments": '{"po'}


def test_of_several_choices_only_those_without_their_end_were_cut():
    answers = put_together(
        delta(0, content="one"), delta(1, content="tw"), delta(0, "stop"), delta(2, role="assistant"), cut_by="client"
    )
    assert {index: (answered.message["content"], answered.cut_by) for index, answered in answers.items()} == {
        0: ("one", ""),
        1: ("tw", "client"),
    }


def test_nothing_was_said_before_the_first_word():
    assert put_together(delta(role="assistant", content=""), delta(tool_calls=[part(0, "c1")]), cut_by="client") == {}
    assert put_together(delta(role="assistant"), delta(finish_reason="stop"))[0].message["content"] == ""


@given(text=st.text(max_size=40), arguments=st.dictionaries(st.text(max_size=5), st.text(max_size=20)), cuts=st.data())
def test_however_it_is_cut_into_deltas_it_is_the_answer(text, arguments, cuts):
    written = json.dumps(arguments, ensure_ascii=False)
    call = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": written}}

    def in_pieces(whole):
        at = sorted(cuts.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
        return [whole[start:end] for start, end in zip([0, *at], [*at, len(whole)], strict=True)]

    chunks = [delta(content=piece) for piece in in_pieces(text)]
    chunks.append(delta(tool_calls=[part(0, "c1", "tide", "")]))
    chunks += [delta(tool_calls=[part(0, arguments=piece)]) for piece in in_pieces(written)]
    streamed = put_together(*chunks, delta(finish_reason="tool_calls"))
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text, "tool_calls": [call]}}]}
    assert streamed == answers_of(whole)
