"""A write that finds no room is answered with 507 and a sentence, in the form of the interface that was asked."""

import errno

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from psycopg.errors import DiskFull

from cftapp.base import room
from cftapp.base.problems import handle
from cftapp.operations.errors import broken
from feedback.actions import issue_api_key, register_source
from tests.support.people import person, signed_in

SOURCE = {
    "name": "shop",
    "title": "Shop",
    "subject_kind": "conversation",
    "environment": "production",
    "held_out_percent": "10",
}


def full() -> OperationalError:
    """What Django raises when PostgreSQL could not extend a file."""
    problem = OperationalError("could not extend file")
    problem.__cause__ = DiskFull("could not extend file")
    return problem


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (full(), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (OperationalError("the connection is lost"), False),
        (None, False),
    ],
)
def test_what_comes_from_a_full_disk(problem, expected):
    assert room.is_full(problem) is expected


def answered(path, problem):
    try:
        raise problem
    except Exception:  # noqa: BLE001 - as Django's own handler has it
        return broken(RequestFactory().get(path))


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/interactions/", "/curation/triage/"])
@pytest.mark.parametrize(("problem", "status"), [(full(), 507), (OperationalError("gone"), 503), (KeyError("x"), 500)])
def test_each_interface_has_its_own_form(path, problem, status):
    answer = answered(path, problem)
    assert answer.status_code == status
    if status == 500:
        return
    sentence = room.SENTENCE if status == 507 else "The database does not answer"
    assert sentence in answer.content.decode() and answer["Retry-After"]
    kind = {"/v1": "application/json", "/ap": "application/problem+json", "/cu": "text/html; charset=utf-8"}[path[:3]]
    assert answer["Content-Type"] == kind


def test_the_api_says_it_as_a_problem():
    answer = handle(full(), {})
    assert answer is not None and answer.status_code == 507
    assert answer.data["detail"] == room.SENTENCE and answer["Retry-After"]


@pytest.mark.django_db
def test_a_request_that_finds_no_room_changes_nothing(monkeypatch):
    """From the door to the answer: the database's refusal reaches whoever asked, on page and API."""

    def refuse(*_, **__):
        raise full()

    monkeypatch.setattr("audit.actions._body", refuse)
    lena = signed_in(person("anna", "admin"))
    lena.raise_request_exception = False
    page = lena.post("/feedback/sources/", SOURCE)
    assert page.status_code == 507 and room.SENTENCE in page.content.decode()
    monkeypatch.undo()
    source = register_source("desk", "Desk", by="process:test")
    _, token = issue_api_key(source, "test", by="process:test")
    monkeypatch.setattr("audit.actions._body", refuse)
    body = {"subject": "ana", "prompt": "How long?", "answer": "14 days."}
    client = Client(raise_request_exception=False)
    api = client.post("/api/v1/interactions/", body, "application/json", headers={"Authorization": f"Bearer {token}"})
    assert api.status_code == 507 and api.json()["detail"] == room.SENTENCE


def test_a_job_is_not_begun_without_room(monkeypatch, tmp_path):
    assert room.left(tmp_path / "not" / "there" / "yet")
    monkeypatch.setattr(room, "LEAST", 2**80)
    assert not room.left(tmp_path)
