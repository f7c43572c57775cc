import hashlib
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.actions import register_source
from feedback.api.idempotency import KEPT_FOR, delete_old_replies
from feedback.models import IdempotentReply, Interaction
from tests.feedback.conftest import Application

BODY = {"subject": "u-1", "prompt": "p", "answer": "a"}


def test_the_same_request_gets_the_same_reply_and_writes_nothing(application, event_names):
    first = application.post("interactions/", BODY, idempotency_key="k-1")
    before = event_names()
    again = application.post("interactions/", BODY, idempotency_key="k-1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Interaction.objects.count() == 1
    assert event_names() == before


def test_another_body_under_the_same_key_is_refused(application):
    application.post("interactions/", BODY, idempotency_key="k-1")
    response = application.post("interactions/", BODY | {"answer": "b"}, idempotency_key="k-1")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"
    assert Interaction.objects.count() == 1


def test_another_endpoint_under_the_same_key_is_refused(application):
    key = application.interaction()
    body = {"interaction": key, "what_happened": "x"}
    assert application.post("bug-reports/", body, idempotency_key="k-1").status_code == 201
    assert application.post("comments/", {"interaction": key, "text": "x"}, idempotency_key="k-1").status_code == 422


def test_keys_of_different_applications_do_not_meet(application, db):
    forum = Application(register_source("forum", "Forum", by="process:test"))
    interaction_id = application.post("interactions/", BODY, idempotency_key="k-1").json()["id"]
    assert forum.post("interactions/", BODY, idempotency_key="k-1").json()["id"] != interaction_id


def test_a_refused_request_may_be_corrected_under_its_key(application):
    assert application.post("interactions/", {"subject": "u-1"}, idempotency_key="k-1").status_code == 422
    assert application.post("interactions/", BODY, idempotency_key="k-1").status_code == 201


@pytest.mark.parametrize("key", ["with space", "x" * 201, "ü"])
def test_a_key_of_another_shape_is_refused(application, key):
    response = application.post("interactions/", BODY, idempotency_key=key)
    assert response.status_code == 422
    assert not IdempotentReply.objects.exists()


def test_the_stored_request_is_a_keyed_hash(application):
    application.post("interactions/", BODY, idempotency_key="k-1")
    content = b"POST /api/v1/interactions/\n" + json.dumps(BODY).encode()
    assert IdempotentReply.objects.get().request_hash != hashlib.sha256(content).hexdigest()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("held_out", [0, 100])
def test_of_concurrent_duplicates_exactly_one_is_recorded(held_out, mailbox):
    racer = Application(register_source("race", "Race", held_out_percent=held_out, by="process:test"))
    replies = racer.at_once(8, "interactions/", BODY, idempotency_key="k-1")
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert Interaction.objects.count() == 1
    assert len(mailbox()) == (1 if held_out else 0)


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_posts_with_one_external_id_exactly_one_is_recorded():
    racer = Application(register_source("race", "Race", held_out_percent=0, by="process:test"))
    replies = racer.at_once(6, "interactions/", BODY | {"external_id": "x-1"})
    assert sorted(reply.status_code for reply in replies) == [200] * 5 + [201]
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert Interaction.objects.count() == 1


def test_old_replies_are_forgotten(application):
    application.post("interactions/", BODY, idempotency_key="old")
    IdempotentReply.objects.update(created_at=timezone.now() - KEPT_FOR - timedelta(hours=1))
    application.post("interactions/", BODY, idempotency_key="new")
    assert delete_old_replies() == 1
    assert IdempotentReply.objects.get().key == "new"
