"""The roll-back waiver from the page and over REST: who may ask, who may sign, and what is shown."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from serving.models import Release, RollBackWaiver
from serving.releases.actions import promote
from serving.releases.champion import champion
from tests.support import serving_rows
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def marked():
    """v1, which learnt withdrawn words, and v2, the champion after it."""
    serving_rows.base_release()
    first, gate = serving_rows.candidate()
    promote(first, gate, by="process:test")
    second, gate = serving_rows.candidate(champion_run=first.run)
    promote(second, gate, by="process:test")
    Release.objects.filter(pk=first.pk).update(learnt_from_withdrawn_at=timezone.now())
    return first


def rest(name, *roles):
    client = APIClient()
    client.force_login(person(name, *roles))
    return client


def test_over_rest_two_people_sign_and_an_engineer_rolls_back(marked):
    mori, omar, rob = rest("mori", "engineer"), rest("omar", "compliance"), rest("rob", "reviewer")
    refused = mori.post("/api/v1/champion/roll-back/", {"to": 1})
    assert refused.status_code == 409
    assert "consent was withdrawn" in refused.json()["errors"][0]["message"]
    asking = "/api/v1/releases/1/roll-back-waiver/"
    assert rob.post(asking, {"reason": "v2 is worse."}).status_code == 403
    assert mori.post(asking, {"reason": " "}).status_code == 422
    made = mori.post(asking, {"reason": "v2 insults people."})
    assert (made.status_code, made.json()["release"], made.json()["confirmed_by"]) == (201, 1, None)
    confirming = f"/api/v1/roll-back-waivers/{made.json()['id']}/confirm/"
    assert mori.post(confirming).status_code == 403
    assert omar.post(confirming).status_code == 200
    assert omar.post(confirming).status_code == 409
    back = mori.post("/api/v1/champion/roll-back/", {"to": 1})
    assert (back.status_code, back.json()["roll_back_waiver"]) == (200, made.json()["id"])
    assert champion() == marked


def test_over_rest_a_stranger_reads_nothing(marked):
    assert rest("otto").get("/api/v1/roll-back-waivers/").status_code == 403
    assert APIClient().get("/api/v1/roll-back-waivers/").status_code in (401, 403)


def test_on_the_page_it_takes_three_clicks_of_two_people(marked):
    mori, omar = signed_in(person("mori", "engineer")), signed_in(person("omar", "compliance"))
    page = mori.get("/serving/").content.decode()
    assert "May not answer again" in page and "Request a roll-back waiver for v1" in page
    assert (
        "consent was withdrawn"
        in mori.post("/serving/roll-back/", {"release": marked.pk}, follow=True).content.decode()
    )
    mori.post(f"/serving/{marked.pk}/roll-back-waiver/", {"reason": "v2 insults people."})
    waiver = RollBackWaiver.objects.get()
    assert "must confirm it" in mori.get("/serving/").content.decode()
    confirm = f"/serving/roll-back-waivers/{waiver.pk}/confirm/"
    assert mori.post(confirm).status_code == 403
    assert "Confirm the roll-back waiver" in omar.get("/serving/").content.decode()
    assert "Confirmed: an engineer" in omar.post(confirm, follow=True).content.decode()
    assert "Roll back to v1 on the waiver" in mori.get("/serving/").content.decode()
    page = mori.post("/serving/roll-back/", {"release": marked.pk}, follow=True).content.decode()
    assert "Rolled back: v1" in page and "roll-back waiver of two people" in page
    assert champion() == marked
