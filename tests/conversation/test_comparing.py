"""A corrected answer beside the given one: words as words, calls as calls, arguments as JSON."""

import json

from conversation.comparing import compare
from conversation.layout import MOST_CALLS
from conversation.marking import Mark, Piece


def calling(*calls: tuple[str, str], content: str | None = None) -> dict:
    made = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(calls)
    ]
    return {"role": "assistant"} | ({"content": content} if content else {}) | ({"tool_calls": made} if made else {})


def said(text: str) -> dict:
    return {"role": "assistant", "content": text}


def test_words_are_compared_as_words():
    [passage] = compare(said("within 14 days"), said("within 30 days")).passages
    assert [piece for piece in passage.pieces if piece.change != "same"] == [Piece("gone", "14"), Piece("new", "30")]


def test_arguments_in_another_order_are_the_same_call():
    before = calling(("weather", '{"city": "Oslo", "days": 3}'))
    [call] = compare(before, calling(("weather", '{"days":3,"city":"Oslo"}'))).calls
    assert (call.state, call.differences) == ("same", [])


def test_a_changed_argument_is_shown_by_its_key():
    before = calling(("weather", '{"city": "Oslo", "days": 3}'))
    [call] = compare(before, calling(("weather", '{"days":3,"city":"Bergen"}'))).calls
    assert call.state == "changed"
    [one] = call.differences
    assert (one.key, one.pieces) == ("city", [Piece("gone", '"Oslo"'), Piece("new", '"Bergen"')])


def test_a_sentence_in_an_argument_is_compared_word_by_word():
    before = calling(("note", '{"text": "the blue door is shut"}'))
    [call] = compare(before, calling(("note", '{"text": "the red door is shut"}'))).calls
    assert [p.text for p in call.differences[0].pieces if p.change in ("gone", "new")] == ["blue", "red"]


def test_another_function_is_another_call():
    calls = compare(calling(("search", "{}"), ("weather", "{}")), calling(("tides", "{}"), ("weather", "{}"))).calls
    shown = [(call.name[0].text, call.state) for call in calls]
    assert shown == [("search", "gone"), ("tides", "new"), ("weather", "same")]


def test_a_text_in_the_place_of_a_call_and_a_call_in_the_place_of_a_text():
    shown = compare(calling(("weather", "{}")), said("It rains."))
    assert [call.state for call in shown.calls] == ["gone"]
    assert shown.passages[0].pieces == [Piece("new", "It rains.")]
    shown = compare(said("It rains."), calling(("weather", "{}")))
    assert [call.state for call in shown.calls] == ["new"]
    assert shown.passages[0].pieces == [Piece("gone", "It rains.")]


def test_arguments_that_are_no_json_are_compared_as_texts():
    [call] = compare(calling(("f", "city Oslo")), calling(("f", "city Bergen"))).calls
    assert [p.text for p in call.differences[0].pieces if p.change in ("gone", "new")] == ["Oslo", "Bergen"]


def test_marks_are_those_of_the_right_answer():
    marks = {"answer.content": [Mark(7, 9, "Held-out overlap")], "answer.tool_calls[0].function.arguments": []}
    [passage] = compare(said("within 14 days"), said("within 30 days"), marks).passages
    assert Piece("new", "30", "Held-out overlap") in passage.pieces


def test_a_thousand_changed_arguments_are_cut_until_they_are_wanted_whole():
    arguments = json.dumps({f"k{n}": "x" * 100 for n in range(1000)})
    before, after = calling(("f", "{}")), calling(("f", arguments))
    [cut], [whole] = compare(before, after).calls, compare(before, after, whole=True).calls
    assert len(cut.differences) == 41 and cut.differences[-1].key == "960 more"
    assert len(whole.differences) == 1000


def test_of_very_many_calls_those_that_changed_are_shown():
    before = calling(*[("f", '{"n": 1}')] * 40)
    after = calling(*[("f", f'{{"n": {1 + (n == 30)}}}') for n in range(40)])
    shown = compare(before, after)
    assert (len(shown.calls), shown.more_calls) == (MOST_CALLS, 40 - MOST_CALLS)
    assert [one.state for one in shown.calls].count("changed") == 1
    assert len(compare(before, after, whole=True).calls) == 40
