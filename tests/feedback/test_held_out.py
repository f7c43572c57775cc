"""Invariant 1: the exam's words are in the vault and nowhere else, and whoever gave them notices nothing."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from feedback.actions import record_interaction, submit_correction
from feedback.models import Correction, Interaction, Receipt
from tests.feedback.conftest import SECRET_WORDS
from tests.support.wordings import SHOWN

POSTS = {
    "bug-reports/": {"what_happened": SECRET_WORDS, "expected": SECRET_WORDS, "note": SECRET_WORDS},
    "taste-notes/": {"preference": SECRET_WORDS, "note": SECRET_WORDS},
    "corrections/": {"replacement": SECRET_WORDS, "note": SECRET_WORDS, "consent": SHOWN},
    "comments/": {"text": SECRET_WORDS, "rating": "bad"},
}


def test_all_words_are_in_the_vault_and_none_outside(examined, mailbox, default_database_text, caplog):
    caplog.set_level("DEBUG")
    key = examined.interaction(prompt=SECRET_WORDS, answer=f"{SECRET_WORDS}!")
    for path, fields in POSTS.items():
        assert examined.post(path, {"interaction": key} | fields, idempotency_key=path).status_code == 201
    rows = [
        {"kind": "interaction", "subject": "u-9", "prompt": SECRET_WORDS, "answer": "x", "external_id": "e-9"},
        {"kind": "comment", "external_id": "e-9", "text": SECRET_WORDS},
    ]
    assert examined.post("feedback/batch", rows, idempotency_key="batch").json()["recorded"] == 2
    assert [kind for kind, _, _ in mailbox()] == [
        "interaction", "bug_report", "taste_note", "correction", "comment", "interaction", "comment",
    ]  # fmt: skip
    assert all(SECRET_WORDS in str(content) for _, _, content in mailbox())
    assert "zyzzyva" not in default_database_text()
    assert "zyzzyva" not in caplog.text


def test_the_search_above_would_find_words_of_the_training_lane(application, default_database_text):
    application.interaction(prompt=SECRET_WORDS)
    assert SECRET_WORDS in default_database_text()


def shape(response):
    return response.status_code, sorted(response.headers), {k: type(v) for k, v in response.json().items()}


def test_the_poster_notices_no_difference(application, examined):
    body = {"subject": "u-1", "prompt": "p", "answer": "a", "external_id": "x-1"}
    trained = application.post("interactions/", body)
    held_out = examined.post("interactions/", body)
    assert shape(trained) == shape(held_out)
    for path, fields in POSTS.items():
        replies = [
            app.post(path, {"interaction": recorded.json()["id"]} | fields)
            for app, recorded in ((application, trained), (examined, held_out))
        ]
        assert shape(replies[0]) == shape(replies[1]), path
    lists = [app.get("interactions/").json()["results"][0] for app in (application, examined)]
    assert lists[0].keys() == lists[1].keys()
    assert "lane" not in lists[0]


def test_a_crash_after_the_mailbox_is_completed_by_the_repetition(exam, mailbox, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Interaction, "save", lambda *a, **k: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            record_interaction(exam, "u-1", "p", "a", external_id="x-1", by="process:test")
    assert len(mailbox()) == 1 and not Interaction.objects.exists()
    again = record_interaction(exam, "u-1", "p", "a", external_id="x-1", by="process:test")
    assert [key for _, key, _ in mailbox()] == [str(again.pk)]
    assert Interaction.objects.get().prompt == ""


def test_feedback_returns_the_same_object_and_leaves_a_receipt(exam, shop):
    returned = [
        submit_correction(record_interaction(source, "u-1", "p", "a", by="visitor").pk, replacement="b", by="visitor")
        for source in (shop, exam)
    ]
    assert [type(feedback) for feedback in returned] == [Correction, Correction]
    assert all(feedback.created_at for feedback in returned)
    assert Correction.objects.count() == 1
    assert Receipt.objects.count() == 2


def test_no_case_is_opened_for_it(exam, event_names):
    interaction = record_interaction(exam, "u-1", "p", "a", by="visitor")
    submit_correction(interaction.pk, replacement="b", consent=SHOWN, by="visitor")
    assert event_names() == ["source.created", "interaction.recorded", "feedback.held_out"]


def test_the_list_shows_that_it_was_given_and_nothing_of_it(examined, rosa: User, client: Client):
    key = examined.interaction()
    examined.post("corrections/", {"interaction": key, "replacement": SECRET_WORDS})
    client.force_login(rosa)
    page = client.get("/feedback/").content.decode()
    assert "in the vault" in page and "zyzzyva" not in page


def test_nothing_of_a_conversation_is_outside_either(examined, mailbox, default_database_text, caplog):
    caplog.set_level("DEBUG")
    call = {"id": "c", "type": "function", "function": {"name": "zyzzyva", "arguments": '{"q": "zyzzyva"}'}}
    tool = {"type": "function", "function": {"name": "zyzzyva", "description": SECRET_WORDS}}
    messages = [
        {"role": "system", "content": SECRET_WORDS},
        {"role": "user", "content": SECRET_WORDS},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": SECRET_WORDS},
    ]
    answer = {"role": "assistant", "content": None, "reasoning": SECRET_WORDS, "tool_calls": [call]}
    said = {"subject": "u-1", "conversation_id": SECRET_WORDS, "messages": messages, "tools": [tool], "answer": answer}
    key = examined.post("interactions/", said, idempotency_key="i").json()["id"]
    assert examined.post("corrections/", {"interaction": key, "replacement": answer}).status_code == 201
    row = {"kind": "interaction", "external_id": "x-2"} | said
    correction = {"kind": "correction", "external_id": "x-2", "replacement": answer}
    assert examined.post("feedback/batch", [row, correction]).json()["recorded"] == 2
    entries = [content for _, _, content in mailbox()]
    assert [kind for kind, _, _ in mailbox()] == ["interaction", "correction"] * 2
    assert all(json.loads(content["conversation"])["messages"] == messages_kept(messages) for content in entries[::2])
    assert all(json.loads(content["answer_message"])["tool_calls"] == [call] for content in entries[::2])
    assert all(json.loads(content["replacement_message"])["tool_calls"] == [call] for content in entries[1::2])
    assert "zyzzyva" not in default_database_text()
    assert "zyzzyva" not in caplog.text


def messages_kept(messages):
    """As they are kept: what is empty is left out."""
    return [{name: value for name, value in message.items() if value is not None} for message in messages]
