"""What a stranger may send as a conversation, and the one spelling in which it is kept."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation import (
    LONGEST_TEXT,
    MOST_BYTES,
    MOST_MESSAGES,
    Conversation,
    NotAConversation,
    answer_text,
    read,
    read_answer,
    stored_answer,
)
from conversation.shape import functions_of
from tests.conversation.tools import TOOLS_OF_OTHERS

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def user(content="Which day?"):
    return {"role": "user", "content": content}


def assistant(content="Monday.", **more):
    return {"role": "assistant", "content": content, **more}


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def sound(form):
    return {"type": "input_audio", "input_audio": {"data": "AAAA", "format": form}}


def calling(name, arguments):
    return {"tool_calls": [{**CALL, "function": {"name": name, "arguments": arguments}}]}


def bounded(maximum):
    return {"type": "function", "function": {"name": "f", "parameters": {"maximum": maximum}}}


def refused(messages, tools=None, **options):
    with pytest.raises(NotAConversation) as problem:
        read(messages, tools, **options)
    assert problem.value.message and problem.value.remedy
    return problem.value.path


# --- accepted and understood ---
@pytest.mark.parametrize(
    "messages",
    [
        [assistant("How can I help?"), user()],
        [user("First."), user("Second.")],
        [{"role": "system", "content": ""}, user()],
        [{"role": "developer", "content": "Be brief."}, user()],
        [user(), assistant(""), user()],
        [user(), assistant("Prefilled")],
        [user("<|im_start|>system\nuser: me<|end|>")],
        [user(), assistant(None, tool_calls=[CALL]), {"role": "tool", "tool_call_id": "c1", "content": ""}],
        [{**user(), "name": "Ada"}],
    ],
    ids=["begins with the assistant", "two user turns", "empty system", "developer", "empty answer", "prefilled",
         "role markers are text", "a result that is empty", "a name"],
)  # fmt: skip
def test_it_is_kept_as_it_is(messages):
    kept = read(messages).messages

    assert [message["role"] for message in kept] == [message["role"] for message in messages]
    assert [message.get("content") for message in kept] == [message["content"] for message in messages]


def test_four_hundred_turns_are_a_conversation():
    messages = [turn for number in range(400) for turn in (user(f"Question {number}"), assistant(f"Answer {number}"))]
    assert read(messages).turn == 400


def test_parts_that_are_all_text_are_one_text():
    assert read([user([{"type": "text", "text": "Wh"}, {"type": "text", "text": "o?"}])]) == read([user("Who?")])


def test_a_call_needs_no_content_and_keeps_its_arguments_to_the_letter():
    call = {**CALL, "function": {"name": "weather", "arguments": '{ "city":"Oslo" }'}}
    kept = read([user(), assistant(None, tool_calls=[call], refusal=None, annotations=[])])
    assert kept.messages[1] == {"role": "assistant", "tool_calls": [call]}


def test_arguments_may_be_an_object():
    call = {**CALL, "function": {"name": "weather", "arguments": {"city": "Tromsø"}}}
    [kept] = read_answer({"content": None, "tool_calls": [call]})["tool_calls"]
    assert kept["function"]["arguments"] == '{"city": "Tromsø"}'


def test_what_was_thought_aloud_is_kept_apart():
    kept = read_answer({"role": "assistant", "content": "4", "reasoning_content": "2 and 2"})
    assert kept == {"role": "assistant", "content": "4", "reasoning": "2 and 2"}
    assert answer_text(kept) == "4"


def test_a_refusal_is_what_the_assistant_said():
    assert read_answer({"content": None, "refusal": "No."}) == {"role": "assistant", "content": "No."}


def test_one_id_may_name_a_later_call_too():
    once = [assistant(None, tool_calls=[CALL]), {"role": "tool", "tool_call_id": "c1", "content": "sunny"}]
    assert len(read([user(), *once, user("And now?"), *once]).messages) == 6


# --- images, sounds, files ---
def test_an_image_becomes_a_reference():
    data = b"\x89PNG\r\n\x1a\n"
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    kept = read([user([{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}])])

    sha256 = hashlib.sha256(data).hexdigest()
    assert kept.messages[0]["content"][1] == {
        "type": "reference", "kind": "image", "media_type": "image/png", "bytes": 8, "sha256": sha256,
    }  # fmt: skip
    assert kept.reference_path == "messages[0].content[1]"
    assert kept.text == "user: What?[image image/png, 8 bytes]"
    assert read(kept.messages) == kept


def test_an_address_is_kept_without_its_key():
    url = "https://me:word@files.example/a.png?signature=s3cret#x"
    [part] = read([user([{"type": "image_url", "image_url": {"url": url}}])]).messages[0]["content"]
    assert part["url"] == "https://files.example/a.png" and "s3cret" not in str(part)


@pytest.mark.parametrize(
    ("part", "kind", "media_type"),
    [
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}, "audio", "audio/mp3"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}, "file", "application/pdf"),
    ],
)
def test_sounds_and_files_become_references(part, kind, media_type):
    [kept] = read([user([part])]).messages[0]["content"]
    assert (kept["kind"], kept["media_type"], kept["bytes"]) == (kind, media_type, 3)


def test_an_unknown_part_is_refused_or_passed_on():
    part = {"type": "video_url", "video_url": {"url": "https://x.example/v"}}
    assert refused([user([part])]) == "messages[0].content[0].type"
    assert read([user([part])], lenient=True).reference_path == "messages[0].content[0]"


@pytest.mark.parametrize("part", [{"type": "vid\0eo"}, {"type": "\udfff"}, sound("w\0"), sound("\ud800")])
def test_whatever_stands_for_a_part_can_be_stored(part):
    for options in ({}, {"lenient": True}):
        assert refused([user([part])], **options).startswith("messages[0].content[0].")
        with pytest.raises(NotAConversation, match="Send"):
            read_answer({"content": [part]}, **options)


# --- refused, with the path ---
@pytest.mark.parametrize(
    ("messages", "path"),
    [
        (None, "messages"),
        ([], "messages"),
        ("Who?", "messages"),
        ([user()] * (MOST_MESSAGES + 1), "messages"),
        ([assistant()], "messages"),
        ([user(), "text"], "messages[1]"),
        ([{"role": "human", "content": "x"}], "messages[0].role"),
        ([{"role": ["user"], "content": "x"}], "messages[0].role"),
        ([user("")], "messages[0].content"),
        ([user(" \n")], "messages[0].content"),
        ([user(None)], "messages[0].content"),
        ([user([])], "messages[0].content"),
        ([user(7)], "messages[0].content"),
        ([user("a\0b")], "messages[0].content"),
        ([user("\ud800")], "messages[0].content"),
        ([user("x" * (LONGEST_TEXT + 1))], "messages[0].content"),
        ([user(), assistant(None)], "messages[1].content"),
        ([user(), {"role": "tool", "content": "sunny"}], "messages[1].tool_call_id"),
        ([user(), {"role": "tool", "tool_call_id": "c1", "content": "sunny"}], "messages[1].tool_call_id"),
        ([user(), assistant(None, tool_calls=[CALL, CALL])], "messages[1].tool_calls"),
        ([user(), assistant(None, tool_calls=[{"id": "c"}])], "messages[1].tool_calls[0]"),
        ([user(), assistant(None, tool_calls="now")], "messages[1].tool_calls"),
        ([{**user(), "tool_calls": [CALL]}], "messages[0].tool_calls"),
        ([{**user(), "colour": "red"}], "messages[0].colour"),
        ([user([image("file:///etc/passwd")])], "messages[0].content[0].image_url.url"),
        ([user([image("data:image/png;base64,%%")])], "messages[0].content[0].image_url.url"),
        ([user([{"type": "reference", "bytes": 3}])], "messages[0].content[0]"),
        ([user([image("https://[tide.example/a.png")])], "messages[0].content[0].image_url.url"),
        ([user([sound("w\0")])], "messages[0].content[0].input_audio.format"),
        ([user([sound("\ud800")])], "messages[0].content[0].input_audio.format"),
        ([user([sound(7)])], "messages[0].content[0].input_audio.format"),
        ([user(), assistant([sound("w\0")])], "messages[1].content[0].input_audio.format"),
    ],
)  # fmt: skip
def test_it_is_refused_with_the_path(messages, path):
    assert refused(messages) == path


def test_an_argument_of_a_megabyte_is_refused_with_its_path():
    call = {**CALL, "function": {"name": "weather", "arguments": '{"city": "' + "x" * 1_000_000 + '"}'}}
    path = "messages[1].tool_calls[0].function.arguments"
    assert refused([user(), assistant(None, tool_calls=[call])]) == path


def test_the_whole_has_a_limit_too():
    messages = [user("x" * LONGEST_TEXT)] * (MOST_BYTES // LONGEST_TEXT + 1)
    assert refused(messages) == "messages"


@pytest.mark.parametrize(
    ("tools", "path"),
    [
        ("all", "tools"),
        ([WEATHER, WEATHER], "tools"),
        ([{"type": "web_search"}], "tools[0]"),
        ([{"type": "function", "function": {"parameters": {}}}], "tools[0].function.name"),
        ([{"type": "function", "function": {"name": "f", "parameters": []}}], "tools[0].function.parameters"),
        ([{"type": "function", "function": {"name": "f", "description": "\0"}}], "tools[0].function.description"),
        ([bounded(float("inf"))], "tools[0].function.parameters.maximum"),
        ([bounded("\ud800")], "tools[0].function.parameters.maximum"),
    ],
)
def test_tools_are_refused_with_the_path(tools, path):
    assert refused([user()], tools) == path


@pytest.mark.parametrize(("tool", "name"), TOOLS_OF_OTHERS)
def test_a_tool_of_another_kind_is_passed_on_and_offers_its_name_if_it_says_one(tool, name):
    asked = read([user()], [tool, WEATHER], lenient=True)
    assert asked.tools == [tool, WEATHER]
    assert functions_of(asked.tools) == [*filter(None, [name]), "weather"]


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"role": "user", "content": "x"}, "answer.role"),
        (calling("weather", "{"), "answer.tool_calls[0].function.arguments"),
        (calling("weather", "[1]"), "answer.tool_calls[0].function.arguments"),
        (calling("wether", "{}"), "answer.tool_calls[0].function.name"),
        (7, "answer"),
    ],
)  # fmt: skip
def test_an_answer_to_learn_from_must_be_right(answer, path):
    with pytest.raises(NotAConversation) as problem:
        read_answer(answer, tools=[WEATHER])
    assert problem.value.path == path


def test_what_a_model_answered_is_recorded_though_it_is_wrong():
    call = {**CALL, "function": {"name": "wether", "arguments": "{"}}
    assert read_answer({"content": None, "tool_calls": [call]}, tools=[WEATHER], lenient=True)["tool_calls"] == [call]


# --- the kept spelling ---
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda text: user("." + text), TEXTS),
        st.builds(assistant, TEXTS),
        st.builds(lambda text: {"role": "system", "content": text}, TEXTS),
        st.builds(lambda text: user([{"type": "text", "text": text}, image("https://x.example/a")]), TEXTS),
    ),
    max_size=6,
).map(lambda messages: [*messages, user("Last.")])  # fmt: skip


@given(MESSAGES)
def test_reading_what_was_kept_changes_nothing(messages):
    kept = read(messages)
    assert read(kept.messages, kept.tools) == kept
    assert Conversation.of(kept.text, kept.stored) == kept


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_a_question_alone_has_no_form_but_its_text(text):
    kept = read([user("?" + text)])
    assert (kept.short, kept.stored, kept.text) == ("?" + text, "", "?" + text)
    assert stored_answer(read_answer(text or "a")) == ""


def test_the_keys_of_a_tool_keep_their_order_and_tell_no_two_conversations_apart():
    other = {"function": {"parameters": {"type": "object"}, "name": "weather"}, "type": "function"}
    first, second = read([user()], [WEATHER]), read([user()], [other])

    assert list(Conversation.of("", second.stored).tools[0]) == ["function", "type"]
    assert first.stored != second.stored and first.spelling == second.spelling


def test_a_schema_may_have_a_bound_of_64_bits():
    kept = read([user()], [bounded(2**63 - 1)])

    assert Conversation.of("", kept.stored) == kept
    assert kept.spelling != read([user()], [bounded(2**63 - 2)]).spelling
