"""Applications read the published wordings, and name the one that they showed."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from feedback.actions import publish_wording, register_source, withdraw_consent
from feedback.models import ConsentEntry, Correction, Receipt, Source, Subject
from tests.feedback.conftest import Application
from tests.support.wordings import SHOWN

TERMS = "Train on what I write\nYou may withdraw at any time."
WHERE = "/api/v1/consent-wordings/"
pytestmark = pytest.mark.django_db


@pytest.fixture(params=["application", "examined"], ids=["training", "held_out"])
def door(request: pytest.FixtureRequest) -> Application:
    return request.getfixturevalue(request.param)


def versions(answer: Any) -> list[str]:
    return [wording["version"] for wording in answer.json()["results"]]


# --- reading them ---
def test_anybody_reads_the_wordings_of_no_source_in_particular(shop: Source) -> None:
    publish_wording("shop-7", TERMS, source=shop, by="process:test")
    answer = Client().get(WHERE)
    assert answer.status_code == 200
    assert versions(answer) == [SHOWN, "2026-11"]
    first = answer.json()["results"][0]
    assert first["text"].startswith("Models may be trained on my corrections\n")
    assert (first["language"], first["shown_by"], len(first["text_sha256"])) == ("en", None, 64)


def test_an_application_reads_its_own_first(application: Application, examined: Application, shop: Source) -> None:
    publish_wording("shop-7", TERMS, source=shop, by="process:test")
    assert versions(application.get("consent-wordings/")) == ["shop-7", SHOWN, "2026-11"]
    assert versions(examined.get("consent-wordings/")) == [SHOWN, "2026-11"]


def test_an_unchanged_list_is_not_sent_again(shop: Source) -> None:
    etag = Client().get(WHERE).headers["ETag"]
    again = Client().get(WHERE, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    publish_wording("2027-1", TERMS, by="process:test")
    assert Client().get(WHERE, headers={"If-None-Match": etag}).status_code == 200


# --- naming them ---
@pytest.mark.parametrize("consent", [True, "2020-1", "two words", 1, ["2026-11"], {"a": 1}])
def test_consent_names_a_wording_or_is_told_where_to_read_it(door: Application, consent: Any) -> None:
    interaction = door.interaction()
    body = {"interaction": interaction, "replacement": "30 days.", "consent": consent}
    answer = door.post("corrections/", body)
    (error,) = answer.json()["errors"]
    assert answer.status_code == 422 and error["field"] == "consent"
    assert WHERE in error["message"] + error["remedy"]
    (row,) = door.post("feedback/batch", [{"kind": "correction", **body}]).json()["results"]
    assert row["status"] == "refused" and row["errors"][0]["field"] == "consent"
    assert WHERE in row["errors"][0]["message"] + row["errors"][0]["remedy"]
    assert not Receipt.objects.exists() and not ConsentEntry.objects.exists()


@pytest.mark.parametrize("consent", [None, False, ""])
def test_no_box_is_no_consent(door: Application, consent: Any) -> None:
    body = {"interaction": door.interaction(), "replacement": "30 days.", "consent": consent}
    assert door.post("corrections/", body).status_code == 201
    assert not ConsentEntry.objects.exists()


@pytest.mark.parametrize(
    "named", [{}, {"wording_version": ""}, {"wording_version": True}, {"wording_version": "2020-1"}]
)
def test_a_grant_of_its_own_names_one_too(application: Application, named: dict[str, Any]) -> None:
    answer = application.post("consents/", {"subject": "u-1"} | named)
    (error,) = answer.json()["errors"]
    assert answer.status_code == 422 and error["field"] == "wording_version"
    assert WHERE in error["message"] + error["remedy"]
    assert not Subject.objects.exists()


def test_another_sources_wording_is_none_of_ours(door: Application) -> None:
    forum = register_source("forum", "Forum", by="process:test")
    publish_wording("forum-1", TERMS, source=forum, by="process:test")
    body = {"interaction": door.interaction(), "replacement": "30 days.", "consent": "forum-1"}
    assert door.post("corrections/", body).status_code == 422


# --- when it was given ---
def test_the_version_and_the_time_are_on_record(door: Application) -> None:
    given = timezone.now() - timedelta(days=3)
    body = {
        "interaction": door.interaction(),
        "replacement": "30 days.",
        "consent": "2026-11",
        "consent_given_at": given.isoformat(),
    }
    assert "notes" not in door.post("corrections/", body).json()
    entry = ConsentEntry.objects.get()
    assert (entry.wording_id, entry.given_at) == ("2026-11", given)


def test_a_box_from_before_a_withdrawal_is_recorded_grants_nothing_and_the_answer_says_so(door: Application) -> None:
    given, interaction = timezone.now(), door.interaction()
    withdraw_consent(Subject.objects.get(), by="visitor")
    body = {
        "interaction": interaction,
        "replacement": "30 days.",
        "consent": SHOWN,
        "consent_given_at": given.isoformat(),
    }
    answer = door.post("corrections/", body)
    assert answer.status_code == 201
    (note,) = answer.json()["notes"]
    assert note["field"] == "consent" and "withdrew" in note["message"] and "consents/" in note["remedy"]
    later = body | {"consent_given_at": timezone.now().isoformat()}
    rows = door.post("feedback/batch", [{"kind": "correction", **body}, {"kind": "correction", **body}]).json()
    assert rows["recorded"] == 2 and all(row["notes"][0]["field"] == "consent" for row in rows["results"])
    assert not Subject.objects.consented().exists() and Receipt.objects.count() == 3
    mixed = door.post("feedback/batch", [{"kind": "correction", **one} for one in (body, later)]).json()["results"]
    assert ["notes" in row for row in mixed] == [True, False]
    assert Subject.objects.consented().exists()


@pytest.mark.parametrize("given_at", ["2099-01-01T00:00:00Z", "soon"])
def test_a_time_that_cannot_be_is_refused(door: Application, given_at: str) -> None:
    body = {"interaction": door.interaction(), "replacement": "x", "consent": SHOWN, "consent_given_at": given_at}
    answer = door.post("corrections/", body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "consent_given_at"
    (row,) = door.post("feedback/batch", [{"kind": "correction", **body}]).json()["results"]
    assert row["errors"][0]["field"] == "consent_given_at"
    assert not Receipt.objects.exists()


def test_a_time_without_a_wording_is_refused(application: Application) -> None:
    body = {"interaction": application.interaction(), "replacement": "x", "consent_given_at": "2026-11-01T00:00:00Z"}
    answer = application.post("corrections/", body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "consent"
    assert not Correction.objects.exists()


def test_a_grant_that_was_given_before_the_withdrawal_is_a_conflict(application: Application) -> None:
    application.interaction()
    given = timezone.now().isoformat()
    withdraw_consent(Subject.objects.get(), by="visitor")
    body = {"subject": "u-1", "wording_version": SHOWN}
    late = application.post("consents/", body | {"given_at": given})
    assert late.status_code == 409 and late.json()["errors"][0]["field"] == "given_at"
    assert not Subject.objects.consented().exists()
    assert application.post("consents/", body).status_code == 201
    assert Subject.objects.consented().exists()
