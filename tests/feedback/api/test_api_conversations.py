"""A conversation may be posted in place of a prompt, and a message in place of an answer: as they were, in any door."""

import json

import pytest

from feedback.models import Correction, Interaction

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
TURNS = [
    {"role": "system", "content": "You answer for the harbour."},
    {"role": "user", "content": "Will it rain?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "Rain from noon."},
    {"role": "assistant", "content": "Yes, from noon."},
    {"role": "user", "content": "And tomorrow?"},
]
ANSWER = {"role": "assistant", "content": None, "tool_calls": [CALL | {"id": "c2"}]}
CALLED = ("messages", 2, "tool_calls", 0, "function")
RIGHT = {"subject": "u-1", "messages": TURNS, "tools": [WEATHER], "answer": ANSWER}


def wrong(*path_and_value):
    """The post with one value of its messages replaced."""
    *path, name, value = path_and_value
    body = json.loads(json.dumps(RIGHT))
    place = body
    for step in path:
        place = place[step]
    place[name] = value
    return body


def sound(form):
    return {"type": "input_audio", "input_audio": {"data": "AAAA", "format": form}}


def refused_fields(response):
    assert response.status_code == 422, response.content
    assert all(error["message"] and error["remedy"] for error in response.json()["errors"])
    return [error["field"] for error in response.json()["errors"]]


def test_a_conversation_is_kept_as_it_is(application):
    reply = application.post("interactions/", RIGHT)
    assert reply.status_code == 201 and reply.json()["turn"] == 2
    stored = Interaction.objects.get()
    assert [message["role"] for message in stored.asked.messages] == [message["role"] for message in TURNS]
    assert stored.asked.messages[3]["content"] == "Rain from noon." and stored.asked.tools == [WEATHER]
    assert stored.answered["tool_calls"][0]["function"] == CALL["function"]
    assert "And tomorrow?" in stored.prompt and "weather" in stored.answer  # what search reads


def test_one_question_is_the_same_row_in_both_forms(application):
    same = {"subject": "u-1", "external_id": "x-1"}
    text = application.post("interactions/", same | {"prompt": "Will it rain?", "answer": "Yes."})
    messages = {
        "messages": [{"role": "user", "content": "Will it rain?"}],
        "answer": {"role": "assistant", "content": "Yes."},
    }
    again = application.post("interactions/", same | messages)
    assert (text.status_code, again.status_code) == (201, 200) and again.json() == text.json()
    stored = Interaction.objects.get()
    assert (stored.prompt, stored.conversation, stored.answer, stored.answer_message) == (
        "Will it rain?",
        "",
        "Yes.",
        "",
    )


@pytest.mark.parametrize(
    "body, field",
    [
        ({"subject": "u-1", "answer": "a"}, "prompt"),
        (RIGHT | {"prompt": "Will it rain?"}, "messages"),
        ({"subject": "u-1", "prompt": "p", "tools": [WEATHER], "answer": "a"}, "tools"),
        (RIGHT | {"messages": []}, "messages"),
        (RIGHT | {"messages": "Will it rain?"}, "messages"),
        (RIGHT | {"messages": TURNS[:1]}, "messages"),
        (wrong("messages", 1, "content", " "), "messages[1].content"),
        (wrong("messages", 1, "content", "x" * 200_001), "messages[1].content"),
        (wrong("messages", 1, "content", "a\0b"), "messages[1].content"),
        (wrong("messages", 1, "content", [sound("w\0")]), "messages[1].content[0].input_audio.format"),
        (wrong("messages", 1, "content", [sound("\ud800")]), "messages[1].content[0].input_audio.format"),
        (wrong("messages", 1, "contents", "x"), "messages[1].contents"),
        (wrong("messages", 1, "role", "boss"), "messages[1].role"),
        (wrong("messages", 3, "tool_call_id", "c9"), "messages[3].tool_call_id"),
        (wrong(*CALLED, "arguments", 7), "messages[2].tool_calls[0].function.arguments"),
        (wrong("tools", 0, "type", "retrieval"), "tools[0]"),
        (RIGHT | {"messages": TURNS[1:2] * 1_001}, "messages"),
        (RIGHT | {"messages": [{"role": "user", "content": "x" * 190_000}] * 6}, "messages"),
        (RIGHT | {"answer": {"role": "user", "content": "a"}}, "answer.role"),
        (RIGHT | {"answer": {"role": "assistant", "content": None}}, "answer.content"),
        (RIGHT | {"answer": ["a"]}, "answer"),
        (RIGHT | {"conversation_id": ""}, "conversation_id"),
        (RIGHT | {"conversation_id": " c"}, "conversation_id"),
        (RIGHT | {"conversation_id": "c" * 513}, "conversation_id"),
        (RIGHT | {"tenant": "not a slug"}, "tenant"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path(application, body, field):
    assert refused_fields(application.post("interactions/", body)) == [field]
    row = application.post("feedback/batch", [{"kind": "interaction"} | body]).json()["results"][0]
    assert (row["status"], [error["field"] for error in row["errors"]]) == ("refused", [field])
    assert not Interaction.objects.exists()


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Hi."}],
        [{"role": "user", "content": "Hi."}, {"role": "user", "content": "Are you there?"}],
        [{"role": "user", "content": f"Turn {n}."} for n in range(400)],
        [{"role": "user", "content": "<|im_end|>\nassistant: [INST] </s>"}],
    ],
    ids=["the assistant begins", "two of the user", "400 turns", "control tokens"],
)
def test_unusual_conversations_are_understood(application, messages):
    assert application.post("interactions/", {"subject": "u", "messages": messages, "answer": "a"}).status_code == 201
    stored = Interaction.objects.get()
    assert stored.asked.messages == messages
    assert stored.turn == sum(message["role"] == "user" for message in messages)


def test_a_model_may_have_called_what_there_is_not(application):
    call = {"id": "c", "type": "function", "function": {"name": "launch", "arguments": "{not JSON"}}
    body = RIGHT | {"answer": {"content": None, "tool_calls": [call]}}
    assert application.post("interactions/", body).status_code == 201
    assert Interaction.objects.get().answered["tool_calls"] == [call]


def test_an_image_is_kept_as_what_it_was(application):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    content = [{"type": "text", "text": "What is it?"}, image]
    application.post(
        "interactions/", {"subject": "u", "messages": [{"role": "user", "content": content}], "answer": "a"}
    )
    stored = Interaction.objects.get()
    assert stored.asked.reference_path == "messages[0].content[1]"
    assert "iVBOR" not in stored.conversation and "image/png" in stored.prompt


def test_the_turns_of_a_conversation_belong_together(application):
    for count in (2, 6):
        application.post("interactions/", RIGHT | {"messages": TURNS[:count]})
    application.post("interactions/", RIGHT | {"messages": TURNS[1:]})
    named = {"conversation_id": "chat-7", "prompt": "p", "answer": "a", "subject": "u-1"}
    for prompt in ("one", "two"):
        application.post("interactions/", named | {"prompt": prompt})
    keys = [row.conversation_key for row in Interaction.objects.order_by("created_at")]
    assert keys[0] == keys[1] != keys[2] and keys[3] == keys[4] not in keys[:3]
    other = named | {"subject": "u-2"}
    application.post("interactions/", other)
    assert Interaction.objects.latest("created_at").conversation_key not in keys


def test_the_same_conversation_once_more_is_the_same_row(application):
    body = RIGHT | {"external_id": "x-1"}
    first = application.post("interactions/", body)
    assert application.post("interactions/", body).json() == first.json()
    for changed, field in (
        (body | {"answer": "Yes."}, "answer"),
        (wrong("messages", 1, "content", "Rain?") | {"external_id": "x-1"}, "prompt"),
        (body | {"tools": []}, "prompt"),
    ):
        refused = application.post("interactions/", changed)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, field)
    assert Interaction.objects.count() == 1


def test_a_repetition_under_a_key_gets_the_first_reply(application):
    first = application.post("interactions/", RIGHT, idempotency_key="k-1")
    again = application.post("interactions/", RIGHT, idempotency_key="k-1")
    assert again.content == first.content and again.headers["Idempotent-Replayed"] == "true"
    assert application.post("interactions/", RIGHT | {"tools": []}, idempotency_key="k-1").status_code == 422


# --- corrections ---
def test_a_correction_may_be_a_call(application):
    key = application.post("interactions/", RIGHT).json()["id"]
    assert application.post("corrections/", {"interaction": key, "replacement": ANSWER}).status_code == 201
    correction = Correction.objects.get()
    assert correction.right_answer["tool_calls"][0]["function"] == CALL["function"]
    assert "weather" in correction.replacement


def test_a_message_of_text_alone_is_the_text(application):
    key = application.interaction()
    application.post("corrections/", {"interaction": key, "replacement": {"role": "assistant", "content": "30 days."}})
    correction = Correction.objects.get()
    assert (correction.replacement, correction.replacement_message) == ("30 days.", "")


@pytest.mark.parametrize(
    "replacement, field",
    [
        ({"role": "user", "content": "30 days."}, "replacement.role"),
        ({"content": " "}, "replacement.content"),
        ({"content": None}, "replacement.content"),
        ({"content": "x" * 200_001}, "replacement.content"),
        ("x" * 200_001, "replacement"),
        ("", "replacement"),
        (
            {"content": None, "tool_calls": [{"id": "c", "function": {"name": "weather", "arguments": "{not JSON"}}]},
            "replacement.tool_calls[0].function.arguments",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 90 else "",
)
def test_a_wrong_replacement_is_named_by_its_path_in_both_lanes(application, examined, replacement, field):
    replies = []
    for app in (application, examined):
        key = app.post("interactions/", RIGHT).json()["id"]
        reply = app.post("corrections/", {"interaction": key, "replacement": replacement})
        assert refused_fields(reply) == [field]
        replies.append(reply.json())
    assert replies[0] == replies[1]
    assert not Correction.objects.exists()


# --- batches ---
def test_a_batch_takes_conversations_and_messages(application):
    rows = [
        {"kind": "interaction", "external_id": "x-1", "conversation_id": "chat-1"} | RIGHT,
        {"kind": "correction", "external_id": "x-1", "replacement": ANSWER},
    ]
    reply = application.post("feedback/batch", rows).json()
    assert reply["recorded"] == 2, reply
    stored = Correction.objects.select_related("interaction").get()
    assert stored.right_answer["tool_calls"] and stored.interaction.turn == 2
    assert len(stored.interaction.asked.messages) == len(TURNS)
    assert application.post("feedback/batch", rows[:1]).json()["already_recorded"] == 1
    other = rows[0] | {"answer": "Yes."}
    assert application.post("feedback/batch", [other]).json()["results"][0]["errors"][0]["field"] == "answer"
