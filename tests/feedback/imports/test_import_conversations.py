"""A file may hold conversations in OpenAI's chat form: kept as they are, with their ratings, or refused by path."""

import pytest

from feedback.imports.formats import InvalidRecord, jsonl
from feedback.models import Comment, Interaction, Subject
from tests.feedback.imports.test_import_command import write
from tests.feedback.imports.test_import_values import rejected, run, shop  # noqa: F401

CALL = {"id": "c", "type": "function", "function": {"name": "tide", "arguments": '{"port": "Larkmere"}'}}
TIDE = {"type": "function", "function": {"name": "tide"}}
TURNS = [
    {"role": "system", "content": "You answer for the harbour."},
    {"role": "user", "content": "When is high water?"},
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c", "content": "14:05"},
    {"role": "assistant", "content": "At five past two."},
]
LATER = [*TURNS, {"role": "user", "content": "And low water?"}, {"role": "assistant", "content": "At eight."}]


def refusal(record) -> str:
    with pytest.raises(InvalidRecord) as caught:
        jsonl(b"key", {"rating": "down"} | record)
    return str(caught.value)


def test_the_last_message_is_the_answer(run, tmp_path):  # noqa: F811
    short = [{"role": "user", "content": "Good day"}, {"role": "assistant", "content": "Good day to you"}]
    path = write(tmp_path / "f.jsonl", [{"messages": short, "rating": "down"}, {"messages": TURNS, "rating": 4}])
    assert run(path)[0] == 0
    plain, dialogue = Interaction.objects.order_by("turn", "prompt")
    assert (plain.prompt, plain.answer, plain.conversation) == ("Good day", "Good day to you", "")
    assert [message["role"] for message in dialogue.asked.messages] == ["system", "user", "assistant", "tool"]
    assert dialogue.answered["content"] == "At five past two."
    assert sorted(Comment.objects.values_list("rating", flat=True)) == ["4", "down"]


def test_tools_and_calls_are_kept(run, tmp_path):  # noqa: F811
    record = {"messages": TURNS[:3], "tools": [TIDE], "rating": False, "conversation_id": "c-1", "tenant": "port"}
    assert run(write(tmp_path / "f.jsonl", [record]))[0] == 0
    stored = Interaction.objects.get()
    assert stored.asked.tools == [TIDE] and stored.answered["tool_calls"] == [CALL] and stored.tenant == "port"


def test_an_answer_beside_the_messages_is_the_answer(run, tmp_path):  # noqa: F811
    record = {"messages": TURNS[:2], "answer": "At two.", "rating": "down"}
    assert run(write(tmp_path / "f.jsonl", [record]))[0] == 0
    assert Interaction.objects.get().answer == "At two."


def test_all_turns_of_a_conversation_have_one_subject(run, tmp_path):  # noqa: F811
    first = [{"role": "user", "content": "Good day"}, {"role": "assistant", "content": "Good day to you"}]
    more = [*first, {"role": "user", "content": "Where is the pier?"}, {"role": "assistant", "content": "Ahead."}]
    plain = {"prompt": "Good day", "answer": "Good day to you"}
    records = [{"messages": TURNS}, {"messages": LATER}, {"messages": first}, {"messages": more}, plain]
    assert run(write(tmp_path / "f.jsonl", [record | {"rating": 1} for record in records]))[0] == 0
    assert Subject.objects.count() == 2
    assert Interaction.objects.count() == 4  # the question alone is one row in both forms


def test_run_again_it_changes_nothing(run, tmp_path, event_names):  # noqa: F811
    path = write(tmp_path / "f.jsonl", [{"messages": LATER, "rating": 1}])
    run(path)
    before = event_names()
    assert "0 rows recorded, 2 were there already" in run(path)[1]
    assert event_names() == before


@pytest.mark.parametrize(
    "record, path",
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": TURNS[:2]}, "messages"),
        ({"messages": TURNS, "prompt": "p"}, "messages"),
        ({"messages": [TURNS[-1]]}, "messages"),
        ({"messages": [{"role": "user", "content": ""}, TURNS[-1]]}, "messages[0].content"),
        ({"messages": [TURNS[1], {"role": "assistant"}]}, "messages[1].content"),
        ({"messages": [*TURNS[:2], *TURNS[3:]]}, "messages[2].tool_call_id"),
        ({"messages": TURNS, "tools": [{"type": "search"}]}, "tools[0]"),
        ({"messages": TURNS[:2], "answer": {"role": "tool", "content": "x"}}, "answer.tool_call_id"),
        ({"messages": [TURNS[1], TURNS[-1] | {"mood": "glad"}]}, "messages[1].mood"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(record, path):
    assert refusal(record).startswith(f"{path}: ")


def test_a_refused_record_is_set_aside_with_its_reason(run, tmp_path):  # noqa: F811
    path = write(tmp_path / "f.jsonl", [{"messages": LATER[3:], "rating": 1}, {"messages": TURNS, "rating": 1}])
    status, out, _ = run(path)
    assert status == 1 and "2 rows recorded" in out
    [reject] = rejected(path)
    assert reject["number"] == 1 and "messages[0].tool_call_id" in reject["reasons"][0]
    assert Interaction.objects.count() == 1
