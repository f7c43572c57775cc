import pytest
from django.core.cache import cache
from django.test import Client

from feedback.actions import open_playground
from feedback.models import ConsentEntry, Receipt, Source, Subject
from tests.feedback.visitors.test_give_feedback import record_turn, visitor
from tests.support.wordings import SHOWN


def test_a_stranger_sees_an_empty_page(db):
    page = Client().get("/feedback/mine/")
    assert page.status_code == 200
    assert "Nothing of yours yet" in page.content.decode()
    assert not Subject.objects.exists()


def test_withdraw_in_one_click_and_allow_again(db, event_names):
    turn = record_turn("v-1", "q", "a")
    client = visitor()
    form = {
        "door": "correction",
        "correction-replacement": "b",
        "correction-reason": "other",
        "correction-consent": SHOWN,
    }
    client.post(turn.feedback_url, form)
    assert 'value="withdraw"' in client.get("/feedback/mine/").content.decode()
    page = client.post("/feedback/mine/consent/", {"decision": "withdraw"}, follow=True)
    assert "Withdrawn." in page.content.decode()
    assert 'value="grant"' in page.content.decode()
    assert not Subject.objects.consented().exists()
    assert event_names()[-1] == "consent.withdrawn"
    client.post("/feedback/mine/consent/", {"decision": "grant", "wording": SHOWN})
    assert Subject.objects.consented().count() == 1
    assert ConsentEntry.objects.latest("id").wording_id == SHOWN
    assert ConsentEntry.objects.latest("id").recorded_by == "visitor"


@pytest.mark.parametrize("percent", [0, 100], ids=["training", "held_out"])
def test_it_shows_ones_own_texts_and_a_link_back_while_they_are_kept(db, percent):
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=percent)
    turn = record_turn("v-1", "How long may I wait?", "14 days")
    client = visitor()
    form = {"door": "correction", "correction-replacement": "Thirty days.", "correction-reason": "other"}
    page = client.post(turn.feedback_url, form, follow=True).content.decode()
    assert "How long may I wait?" in page and "Thirty days." in page
    assert 'href="/playground/"' in page.split("<main")[1]
    cache.clear()
    page = client.get("/feedback/mine/").content.decode()
    assert "How long" not in page and "Thirty" not in page and "An answer" in page


def test_the_text_waits_encrypted(db):
    turn = record_turn("v-1", "How long may I wait?", "14 days")
    form = {"door": "bug_report", "bug_report-what_happened": "It hung."}
    visitor().post(turn.feedback_url, form)
    encrypted = cache.get(f"feedback:words:{Receipt.objects.get().pk}")
    assert encrypted and "hung" not in encrypted


def test_only_ones_own(db):
    turn = record_turn("v-1", "q", "a")
    visitor().post(turn.feedback_url, {"door": "bug_report", "bug_report-what_happened": "x"})
    record_turn("v-2", "q", "a")
    other = visitor("v-2")
    assert str(turn.interaction.pk) not in other.get("/feedback/mine/").content.decode()
    other.post("/feedback/mine/consent/", {"decision": "grant", "wording": SHOWN})
    assert not Subject.objects.filter(pk=turn.interaction.subject_id).consented().exists()


def test_a_stranger_decides_about_nothing(db):
    Client().post("/feedback/mine/consent/", {"decision": "grant", "wording": SHOWN})
    assert not ConsentEntry.objects.exists()


def test_it_rejects_get(db):
    assert Client().get("/feedback/mine/consent/").status_code == 405


def test_it_shows_the_words_that_were_agreed_to(db):
    turn = record_turn("v-1", "q", "a")
    form = {"door": "correction", "correction-replacement": "b", "correction-reason": "other"}
    visitor().post(turn.feedback_url, form | {"correction-consent": "2026-11"})
    page = visitor().get("/feedback/mine/").content.decode()
    assert "It covers this correction and the others you send here." in page  # as it was shown then
    assert ConsentEntry.objects.get().wording_id == "2026-11"


@pytest.mark.parametrize("wording", ["", "on", "2020-1"])
def test_allowing_names_the_words_on_the_page(db, wording):
    turn = record_turn("v-1", "q", "a")
    page = visitor().post("/feedback/mine/consent/", {"decision": "grant", "wording": wording}, follow=True)
    assert "Nothing was changed" in page.content.decode()
    form = {"door": "correction", "correction-replacement": "b", "correction-reason": "other"}
    if wording:
        refused = visitor().post(turn.feedback_url, form | {"correction-consent": wording})
        assert refused.status_code == 422
    assert not ConsentEntry.objects.exists() and not Receipt.objects.exists()
