"""Releases and the champion over REST, with a session."""

import pytest
from rest_framework.test import APIClient

from serving.releases.actions import promote
from serving.releases.champion import champion
from tests.support import serving_rows
from tests.support.people import person

pytestmark = pytest.mark.django_db


def api(name, *roles):
    client = APIClient()
    client.force_login(person(name, *roles))
    return client


@pytest.fixture
def mori():
    serving_rows.base_release()
    return api("mori", "engineer")


def test_releases_are_listed_and_read(mori):
    release, _ = serving_rows.candidate()
    listed = mori.get("/api/v1/releases/").json()["results"]
    assert [release["name"] for release in listed] == ["v1", "v0"]
    assert mori.get("/api/v1/releases/1/").json()["model_sha256"] == release.model_sha256
    assert mori.get("/api/v1/releases/9/").status_code == 404


def test_an_engineer_promotes_and_rolls_back(mori):
    serving_rows.candidate()
    promoted = mori.post("/api/v1/releases/1/promote/")
    assert (promoted.status_code, promoted.json()["reason"]) == (200, "promoted")
    assert mori.get("/api/v1/champion/now/").json()["release"]["name"] == "v1"
    back = mori.post("/api/v1/champion/roll-back/", {"seen": 1})
    assert (back.status_code, back.json()["release"]["name"]) == (200, "v0")
    assert champion().number == 0


def test_a_refusal_is_a_problem_with_its_field(mori):
    serving_rows.candidate("FAIL")
    refused = mori.post("/api/v1/releases/1/promote/")
    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["errors"][0]["field"] == "gate"
    assert mori.post("/api/v1/champion/roll-back/", {"to": 77}).status_code == 404
    assert mori.post("/api/v1/champion/roll-back/", {"to": "x"}).status_code == 422
    assert champion().number == 0


def test_others_read_but_do_not_move(mori):
    release, gate = serving_rows.candidate()
    promote(release, gate, by="process:test")
    omar = api("omar", "compliance")
    assert omar.get("/api/v1/champion/now/").status_code == 200
    assert omar.post("/api/v1/champion/roll-back/").status_code == 403
    assert omar.post("/api/v1/releases/1/promote/").status_code == 403
    assert api("nobody").get("/api/v1/releases/").status_code == 403
    assert APIClient().get("/api/v1/releases/").status_code == 403
    assert champion() == release
