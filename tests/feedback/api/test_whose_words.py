"""An external id belongs to the words and the person that it was first recorded with, in both lanes."""

import unicodedata
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from feedback.actions import record_interaction, register_source, withdraw_consent
from feedback.models import ConsentEntry, Correction, Interaction, Subject
from tests.feedback.conftest import Application
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db

WORDS = {"prompt": "How long may I wait?", "answer": "14 days."}
FIRST = {"external_id": "x-1", "subject": "ana", **WORDS}
OTHERS = [("subject", "bob"), ("prompt", "How late may I come?"), ("answer", "15 days.")]


@pytest.fixture(params=["application", "examined"])
def door(request: pytest.FixtureRequest) -> Application:
    """An application of the training lane, and one of the held-out lane."""
    return request.getfixturevalue(request.param)


def test_the_same_once_more_is_the_same_row(door: Application) -> None:
    first, again = door.post("interactions/", FIRST), door.post("interactions/", FIRST)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


@pytest.mark.parametrize(("field", "value"), OTHERS)
def test_anything_else_is_a_conflict_that_names_the_field(door: Application, field: str, value: str) -> None:
    door.post("interactions/", FIRST)
    other = door.post("interactions/", FIRST | {field: value})
    assert other.status_code == 409
    assert other.json()["errors"][0]["field"] == field
    assert Interaction.objects.count() == 1


def test_a_batch_refuses_the_second_person_and_the_feedback_that_came_along(door: Application) -> None:
    door.post("interactions/", FIRST)
    theirs = {"kind": "interaction", **FIRST, "subject": "bob"}
    correction = {"kind": "correction", "external_id": "x-1", "replacement": "30 days."}
    results = door.post("feedback/batch", [theirs, correction]).json()["results"]
    assert [(row["status"], row["errors"][0]["field"]) for row in results] == [
        ("refused", "subject"),
        ("refused", "external_id"),
    ]
    assert not ConsentEntry.objects.exists() and not Correction.objects.exists()


def test_feedback_on_a_row_that_is_not_valid_hangs_on_nobody_else(application: Application) -> None:
    application.post("interactions/", FIRST)
    invalid = {"kind": "interaction", **FIRST, "subject": "bob", "prompt": " "}
    comment = {"kind": "comment", "external_id": "x-1", "text": "No."}
    results = application.post("feedback/batch", [invalid, comment]).json()["results"]
    assert [row["status"] for row in results] == ["refused", "refused"]


def test_feedback_may_say_whose_it_is(application: Application) -> None:
    application.post("interactions/", FIRST)
    body = {"external_id": "x-1", "replacement": "30 days.", "consent": SHOWN}
    refused = application.post("corrections/", body | {"subject": "bob"})
    assert refused.status_code == 409 and refused.json()["errors"][0]["field"] == "subject"
    assert not ConsentEntry.objects.exists()
    assert application.post("corrections/", body | {"subject": "ana"}).status_code == 201


def test_consent_under_an_external_id_says_whose_it_is(door: Application) -> None:
    door.post("interactions/", FIRST)
    body = {"external_id": "x-1", "replacement": "30 days.", "consent": SHOWN}
    refused = door.post("corrections/", body)
    assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "subject"
    rows = door.post("feedback/batch", [{"kind": "correction", **body}]).json()["results"]
    assert [(row["status"], row["errors"][0]["field"]) for row in rows] == [("refused", "subject")]
    assert not ConsentEntry.objects.exists()
    assert door.post("corrections/", body | {"consent": ""}).status_code == 201


def test_the_row_of_the_exam_says_nothing_about_its_words(examined: Application) -> None:
    examined.post("interactions/", FIRST)
    row = Interaction.objects.get()
    assert (row.prompt, row.answer, len(row.words_commitment)) == ("", "", 64)
    other = examined.post("interactions/", FIRST | {"external_id": "x-2", "subject": "bob"})
    assert Interaction.objects.get(pk=other.json()["id"]).words_commitment != row.words_commitment


# --- one spelling of a subject ---
@pytest.mark.parametrize(
    "subject", ["u" * 512, "Zo\u00eb", unicodedata.normalize("NFD", "Zo\u00eb"), "\u674e\u96f7", "a b"]
)
def test_whoever_can_be_recorded_can_withdraw(application: Application, subject: str) -> None:
    application.interaction(subject)
    assert application.post("consents/withdraw", {"subject": subject}).status_code == 201


def test_two_spellings_are_one_person(application: Application) -> None:
    for form in ("NFC", "NFD"):
        application.interaction(unicodedata.normalize(form, "Zo\u00eb"))
    assert Subject.objects.count() == 1


@pytest.mark.parametrize("subject", ["u" * 513, " ana", "ana ", "a\tb", "a\x7fb", ""])
def test_what_gets_lost_on_the_way_is_refused(application: Application, subject: str) -> None:
    for path, body in (("interactions/", WORDS), ("consents/withdraw", {}), ("consents/", {"wording_version": SHOWN})):
        refused = application.post(path, body | {"subject": subject})
        assert refused.status_code == 422, path
        assert refused.json()["errors"][0]["field"] == "subject"
    assert not Subject.objects.exists()


def test_a_withdrawal_of_nobody_is_not_found(application: Application) -> None:
    answer = application.post("consents/withdraw", {"subject": "nobody"})
    assert answer.status_code == 404 and "Send the id as" in answer.json()["detail"]
    assert not Subject.objects.exists() and not ConsentEntry.objects.exists()


# --- a box is no fresh grant ---
def test_a_correction_that_arrives_after_a_withdrawal_grants_nothing(door: Application) -> None:
    door.post("interactions/", FIRST)
    subject = Subject.objects.get()
    withdraw_consent(subject, by="visitor")
    late = {"external_id": "x-1", "subject": "ana", "replacement": "30 days.", "consent": SHOWN}
    assert door.post("corrections/", late).status_code == 201
    assert door.post("feedback/batch", [{"kind": "correction", **late}]).json()["recorded"] == 1
    assert not Subject.objects.filter(pk=subject.pk).consented().exists()
    fresh = door.post("consents/", {"subject": "ana", "wording_version": SHOWN})
    assert fresh.status_code == 201
    assert Subject.objects.filter(pk=subject.pk).consented().exists()


def test_a_batch_asks_once_for_all_consents(application: Application) -> None:
    def statements(people: range) -> int:
        rows = [{"kind": "interaction", **WORDS, "subject": f"u-{n}", "external_id": f"c-{n}"} for n in people]
        box = {"kind": "correction", "replacement": "x", "consent": SHOWN}
        rows += [{**box, "subject": f"u-{n}", "external_id": f"c-{n}"} for n in people]
        with CaptureQueriesContext(connection) as queries:
            assert application.post("feedback/batch", rows).json()["recorded"] == len(rows)
        return len(queries)

    assert statements(range(5)) == statements(range(10, 60))
    assert Subject.objects.consented().count() == 55


@pytest.mark.django_db(transaction=True)
def test_batches_that_meet_on_one_id_record_it_once(application: Application) -> None:
    rows = [{"kind": "interaction", **WORDS, "subject": "ana", "external_id": f"m-{n}"} for n in range(20)]
    answers = application.at_once(6, "feedback/batch", rows)
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["recorded"] for answer in answers) == Interaction.objects.count() == 20


# --- a source decides its environment ---
@pytest.fixture
def staging(db: None) -> Application:
    return Application(register_source("try", "Try", held_out_percent=0, environment="staging", by="process:test"))


def test_a_row_of_staging_is_not_from_production(staging: Application) -> None:
    refused = staging.post("interactions/", FIRST | {"environment": "production"})
    assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "environment"
    row = {"kind": "interaction", **FIRST, "environment": "production"}
    assert staging.post("feedback/batch", [row]).json()["results"][0]["errors"][0]["field"] == "environment"
    assert not Interaction.objects.exists()
    assert staging.post("interactions/", FIRST).json()["environment"] == "staging"


def test_a_row_may_say_that_it_is_less(application: Application) -> None:
    assert application.post("interactions/", FIRST | {"environment": "staging"}).json()["environment"] == "staging"


def test_postgresql_refuses_it_whoever_writes(staging: Application) -> None:
    row: Any = record_interaction(staging.source, "ana", "a", "b", by="process:test")
    row.pk, row.external_id, row.environment = None, "", "production"
    with pytest.raises(IntegrityError, match="no interaction of production"), transaction.atomic():
        row.save(force_insert=True)
