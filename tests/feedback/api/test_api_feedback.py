import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from feedback.models import BugReport, Comment, Correction, Interaction, Receipt, TasteNote

POSTS = {
    "bug-reports/": (BugReport, "bug_report", {"what_happened": "It hung."}),
    "taste-notes/": (TasteNote, "taste_note", {"preference": "Shorter.", "aspect": "length"}),
    "corrections/": (Correction, "correction", {"replacement": "30 days.", "reason": "outdated"}),
    "comments/": (Comment, "comment", {"rating": "bad", "text": "Wrong."}),
}


@pytest.mark.parametrize("path", POSTS)
def test_a_kind_is_a_table(application, event_names, path):
    model, kind, fields = POSTS[path]
    key = application.interaction()
    response = application.post(path, {"interaction": key, "note": "n"} | fields)
    assert response.status_code == 201
    feedback = model.objects.get(pk=response.json()["id"])
    assert str(feedback.interaction_id) == key and feedback.note == "n"
    assert {name: getattr(feedback, name) for name in fields} == fields
    assert response.json() == {
        "id": str(feedback.pk), "kind": kind, "interaction": key, "created_at": response.json()["created_at"],
    }  # fmt: skip
    assert event_names()[-1] == f"{kind}.submitted"
    assert Receipt.objects.get().kind == kind
    assert sum(m.objects.count() for m, _, _ in POSTS.values()) == 1


@pytest.mark.parametrize("path", POSTS)
def test_the_interaction_may_be_named_as_the_completion_was(application, path):
    key = application.interaction()
    named = {"interaction": f"chatcmpl-{key}"} | POSTS[path][2]
    assert application.post(path, named).json()["interaction"] == key
    row = {"kind": POSTS[path][1]} | named
    assert application.post("feedback/batch", [row]).json()["recorded"] == 1
    assert application.post(path, named | {"interaction": f"chatcmpl-chatcmpl-{key}"}).status_code == 422
    replay = {"replay_of": f"chatcmpl-{key}", "prompt": "p", "answer": "a"}
    assert application.post("interactions/", replay).json()["replay_of"] == key


def test_the_interaction_may_be_named_by_its_external_id(application):
    key = application.interaction(external_id="order-7")
    reply = application.post("comments/", {"external_id": "order-7", "rating": "good"}).json()
    assert reply["interaction"] == key


def test_text_is_stored_as_it_was_sent(application):
    text = "  two\r\nlines\t\u200b é \U0001f600  "
    key = application.interaction(prompt=text, answer="")
    application.post("corrections/", {"interaction": key, "replacement": text})
    correction = Correction.objects.select_related("interaction").get()
    assert correction.replacement == correction.interaction.prompt == text


def test_only_a_correction_has_a_replacement(application):
    key = application.interaction()
    for path in ("bug-reports/", "taste-notes/", "comments/"):
        fields = POSTS[path][2]
        assert application.post(path, {"interaction": key, "replacement": "x"} | fields).status_code == 422


def test_a_comment_needs_a_rating_or_words(application):
    key = application.interaction()
    assert application.post("comments/", {"interaction": key}).status_code == 422
    assert application.post("comments/", {"interaction": key, "rating": " "}).status_code == 422


@pytest.mark.parametrize(
    ("rating", "kept"),
    [(False, "down"), (True, "up"), (0, "down"), (0.0, "down"), (1, "1"), (4.5, "4.5"), ("down", "down")],
)
def test_a_rating_may_be_a_thumb_a_number_or_a_word(application, rating, kept):
    key = application.interaction()
    assert application.post("comments/", {"interaction": key, "rating": rating}).status_code == 201
    row = {"kind": "comment", "interaction": key, "rating": rating}
    assert application.post("feedback/batch", [row]).json()["recorded"] == 1
    assert list(Comment.objects.values_list("rating", flat=True)) == [kept, kept]


@pytest.mark.parametrize("rating", [None, {"score": 1}, [1], "x" * 41])
def test_what_is_no_rating_is_refused_by_name(application, rating):
    reply = application.post("comments/", {"interaction": application.interaction(), "rating": rating})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "rating")


def test_what_has_not_happened_yet_is_refused(application, shop):
    words = {"subject": "u", "prompt": "p", "answer": "a"}
    soon, later = (timezone.now() + timedelta(seconds=n) for n in (30, 3600))
    assert application.post("interactions/", words | {"happened_at": soon.isoformat()}).status_code == 201
    reply = application.post("interactions/", words | {"happened_at": later.isoformat()})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "happened_at")
    row = words | {"kind": "interaction", "happened_at": later.isoformat()}
    (result,) = application.post("feedback/batch", [row]).json()["results"]
    assert (result["status"], result["errors"][0]["field"]) == ("refused", "happened_at")
    recorded = Interaction.objects.get()
    recorded.pk, recorded.happened_at = uuid.uuid4(), later
    with pytest.raises(IntegrityError, match="interaction_did_not_happen_later"), transaction.atomic():
        recorded.save(force_insert=True)


def test_interactions_are_listed_by_cursor_without_counting(application, django_assert_max_num_queries):
    keys = [application.interaction(subject=f"u-{n}") for n in range(5)]
    listed, url = [], "interactions/?limit=2"
    while url:
        with django_assert_max_num_queries(2):
            page = application.get(url).json()
        listed += [row["id"] for row in page["results"]]
        url = page["next"]
    assert listed == keys[::-1]


def test_recording_twice_under_an_external_id_returns_the_first(application, event_names):
    first = application.interaction(external_id="x-1")
    words = {"prompt": "How long is the refund window?", "answer": "14 days."}
    response = application.post("interactions/", words | {"subject": "u-1", "external_id": "x-1"})
    assert (response.status_code, response.json()["id"]) == (200, first)
    assert event_names().count("interaction.recorded") == 1


def test_a_replay_inherits_its_subject(application):
    original = application.interaction(subject="u-7")
    body = {"prompt": "p", "answer": "a2", "replay_of": original}
    reply = application.post("interactions/", body).json()
    assert reply["environment"] == "replay"
    assert reply["subject"] == application.get("interactions/").json()["results"][-1]["subject"]
    assert application.post("interactions/", body | {"subject": "u-8"}).status_code == 422
