"""Everything in a conversation is compared, alone and beside what it may go on in, and every match has its place."""

import json

from hypothesis import given
from hypothesis import strategies as st

from conversation import Conversation, answer_places, places, read, read_answer
from curation.checks.passages import SEAM_WORDS, Reading, Text, readings, seam, texts_of, whole

CALL = {"id": "call-7", "type": "function", "function": {"name": "find_day", "arguments": '{"q": "\\u0057hich day"}'}}
TOOL = {"type": "function", "function": {"name": "find_day", "description": "Finds the day of a market."}}


def dialogue() -> Conversation:
    return read(
        [
            {"role": "system", "content": "Answer in one sentence."},
            {"role": "user", "content": "Is there a market here?"},
            {"role": "assistant", "content": "Yes, by the harbour."},
            {"role": "user", "content": "On which day then?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call-7", "content": "every second Friday"},
        ],
        [TOOL],
    )


ANSWER = read_answer("It is held every second Friday.")


def joined() -> set[tuple[str, ...]]:
    """Which paths are compared together."""
    return {tuple(piece.source.path for piece in reading.pieces) for reading in readings(dialogue(), ANSWER)}


def test_every_text_is_compared() -> None:
    compared = {path for paths in joined() for path in paths}
    assert compared >= {place.path for place in [*places(dialogue()), *answer_places(ANSWER)]}
    assert {"messages[4].tool_calls[0].function.name", "messages[4].tool_calls[0].id"} <= compared


def test_a_text_meets_the_next_the_next_of_its_role_and_what_answers_it() -> None:
    call, result = "messages[4].tool_calls[0].function.arguments", "messages[5].content"
    assert joined() >= {
        ("messages[0].content", "messages[1].content"),
        ("messages[1].content", "messages[2].content"),
        ("messages[2].content", "messages[3].content"),
        ("messages[3].content", call),
        (call, result),
        (result, "answer.content"),
        ("messages[1].content", "messages[3].content"),  # a user's turns, whoever spoke between
        ("messages[2].content", call),
        (call, "answer.content"),
        ("messages[3].content", "answer.content"),  # the question and its answer
        ("messages[3].content", call, result, "answer.content"),  # all of the last exchange
        (*(f"messages[{n}].content" for n in (1, 2, 3)), call, result, "answer.content"),  # all that was said
    }


def test_who_sets_the_scene_is_embedded_alone() -> None:
    system = [r for r in readings(dialogue(), ANSWER) if any(p.source.role == "system" for p in r.pieces)]
    assert [(len(reading.pieces), reading.by_meaning) for reading in system] == [(1, True), (2, False)]


def test_labels_do_not_part_question_and_answer() -> None:
    asked = read(
        [
            {"role": "user", "content": "Who keeps the light?", "name": "Ada"},
            {"role": "assistant", "content": "Hm."},
            {"role": "user", "content": "At Vessel Point."},
        ]
    )
    paths = [tuple(piece.source.path for piece in reading.pieces) for reading in readings(asked)]
    assert ("messages[0].content", "messages[2].content") in paths
    assert ("messages[0].name", "messages[1].content") in paths


def test_what_arguments_say_is_compared_without_escapes_and_as_written() -> None:
    texts = {reading.text for reading in readings(dialogue(), ANSWER)}
    assert "Which day" in texts
    assert CALL["function"]["arguments"] in texts  # type: ignore[index]
    assert json.dumps(TOOL) in texts


def test_a_range_of_arguments_stands_where_it_is_written_or_is_all_of_them() -> None:
    plain = Text("a.function.arguments", "Oslo\nBergen", '{"from": "Oslo", "to": "Bergen"}', "assistant")
    assert plain.span(5, 11) == ("a.function.arguments", 24, 30)
    escaped = Text("a.function.arguments", "Which", '{"q": "\\u0057hich"}', "assistant")
    assert escaped.span(0, 5) == ("a.function.arguments", 0, len(escaped.stored))


def test_of_long_texts_what_meets_is_joined() -> None:
    first, second = (Text(name, " ".join(f"{name}{n}" for n in range(500)), "", "user") for name in "ab")
    words = seam(first, second).text.split()
    assert words == [f"a{n}" for n in range(500 - SEAM_WORDS, 500)] + [f"b{n}" for n in range(SEAM_WORDS)]
    short = Text("c", "one two", "one two", "user")
    assert seam(first, short).text.split()[-3:] == ["a499", "one", "two"]
    assert len(seam(first, short).text.split()) == 2 * SEAM_WORDS


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=5), st.data())
def test_a_range_of_a_reading_is_made_of_ranges_of_its_texts(texts: list[str], data: st.DataObject) -> None:
    reading = Reading(tuple(whole(Text(str(n), text, text, "user")) for n, text in enumerate(texts)))
    start = data.draw(st.integers(0, len(reading.text)))
    end = data.draw(st.integers(start, len(reading.text)))
    found = [texts[int(span.part)][span.start : span.end] for span in reading.spans(start, end)]
    assert "".join(found) == reading.text[start:end].replace("\n", "") or "\n" in "".join(texts)


def test_a_conversation_of_nothing_but_a_question_is_that_question() -> None:
    asked = read([{"role": "user", "content": "How long is it?"}])
    assert [reading.text for reading in readings(asked)] == ["How long is it?"]
    assert [text.path for text in texts_of(asked)] == ["messages[0].content"]
