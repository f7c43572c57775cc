"""The releases page: anybody with a role reads it, an engineer moves the champion there."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cftapp.console import counts
from serving.models import Release
from serving.releases.actions import promote, roll_back
from serving.releases.champion import champion
from tests.support import serving_rows
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db
PAGE = "/serving/"


@pytest.fixture
def mori():
    return signed_in(person("mori", "engineer"))


@pytest.fixture
def rob():
    return signed_in(person("rob", "reviewer"))


def text_of(client, path=PAGE):
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_visitor_is_sent_to_the_login_and_somebody_without_a_role_is_refused():
    assert Client().get(PAGE).headers["Location"].startswith(reverse("login"))
    assert signed_in(person("nobody")).get(PAGE).status_code == 403


def test_before_anything_is_installed_it_says_what_to_do(rob):
    assert "install_base" in text_of(rob)


def test_it_shows_the_champion_the_pool_and_why_each_candidate_waits(rob):
    serving_rows.base_release()
    serving_rows.candidate("FAIL")
    page = text_of(rob)
    assert "v0 answers" in page
    assert "Train a better candidate" in page
    assert page.count("disabled") >= 1


def test_an_engineer_promotes_what_passed(mori):
    serving_rows.base_release()
    release, gate = serving_rows.candidate()
    assert f"Promote {release}</button>" in text_of(mori)
    response = mori.post(f"/serving/{release.pk}/promote/", {"gate": gate.pk}, follow=True)
    assert champion() == release
    assert "v1 is the champion: it answers from the next request on." in response.content.decode()


def test_a_reviewer_may_not_promote_nor_roll_back(rob):
    serving_rows.base_release()
    release, gate = serving_rows.candidate()
    assert rob.post(f"/serving/{release.pk}/promote/", {"gate": gate.pk}).status_code == 403
    assert rob.post("/serving/roll-back/").status_code == 403
    assert champion().number == 0
    assert "Promoting takes the role engineer." in text_of(rob)


def test_promote_and_roll_back_reject_get(mori):
    assert mori.get("/serving/1/promote/").status_code == 405
    assert mori.get("/serving/roll-back/").status_code == 405


def test_a_blocked_candidate_is_refused_with_the_reason(mori):
    serving_rows.base_release()
    release, gate = serving_rows.candidate("FAIL")
    response = mori.post(f"/serving/{release.pk}/promote/", {"gate": gate.pk}, follow=True)
    assert f"Gate {gate.pk} says FAIL." in response.content.decode()
    assert champion().number == 0


def test_a_newer_verdict_than_the_one_on_screen_asks_for_a_second_look(mori):
    serving_rows.base_release()
    release, shown_gate = serving_rows.candidate()
    serving_rows.judged_gate(release.run, "FAIL")
    response = mori.post(f"/serving/{release.pk}/promote/", {"gate": shown_gate.pk}, follow=True)
    assert "another gate than the one shown" in response.content.decode()
    assert champion().number == 0


def test_one_click_rolls_back_and_a_second_one_does_not(mori):
    first = serving_rows.base_release()
    release, gate = serving_rows.candidate()
    promote(release, gate, by="process:test")
    assert f"Roll back to {first}" in text_of(mori)
    click = {"seen": release.pk, "release": first.pk}
    assert "Rolled back: v0" in mori.post("/serving/roll-back/", click, follow=True).content.decode()
    assert champion() == first
    again = mori.post("/serving/roll-back/", click, follow=True).content.decode()
    assert "v1 is no longer the champion; v0 is." in again


def test_a_marked_champion_is_shown_with_what_to_do(rob, mori):
    serving_rows.base_release()
    release, gate = serving_rows.candidate()
    promote(release, gate, by="process:test")
    Release.objects.filter(pk=release.pk).update(learnt_from_withdrawn_at=gate.queued_at)
    page = text_of(rob)
    assert "learnt from rows whose consent was withdrawn" in page
    assert reverse("curation:freeze") in text_of(mori)
    assert reverse("curation:freeze") not in page  # it would refuse a reviewer
    assert "takes the role engineer" in page
    assert reverse("audit:lineage", args=["release", release.pk]) in page


def test_after_a_roll_back_the_champion_still_names_its_gate_and_people_by_name(mori):
    serving_rows.base_release()
    first, gate = serving_rows.candidate()
    promote(first, gate, by=person("mori", "engineer"))
    second, later = serving_rows.candidate(champion_run=first.run)
    promote(second, later, by="process:test")
    roll_back(by=person("mori", "engineer"))
    response = mori.get(PAGE)
    page = response.content.decode()
    assert response.context["gated_promotion"].gate == gate
    assert "Let through by" in page
    assert f'<span title="user:{person("mori").pk}">mori</span>' in page


def test_a_long_history_is_one_page_of_few_queries(mori, monkeypatch):
    monkeypatch.setattr(counts, "KEEP_SECONDS", 3600)  # the header's figures are kept between pages
    text_of(mori)
    champion_release = serving_rows.base_release()
    for _ in range(8):
        release, gate = serving_rows.candidate(champion_run=champion_release.run)
        promote(release, gate, by="process:test")
        champion_release = release
    for verdict in ["FAIL", "PASS"] * 15:
        serving_rows.candidate(verdict, champion_run=champion_release.run)
    with CaptureQueriesContext(connection) as queries:
        page = text_of(mori)
    assert len(queries) <= 16, [query["sql"][:90] for query in queries]
    assert len(page.encode()) < 60_000
