"""The published wordings are a page for everybody, on which compliance publishes; pages show words, not codes."""

from django.contrib.auth.models import User
from django.test import Client

from feedback.actions import grant_consent, publish_wording, record_interaction
from feedback.models import ConsentWording, Source
from tests.support.people import signed_in
from tests.support.wordings import SHOWN

FORM = {"version": "2027-1", "language": "en", "text": "Train on it\r\nWithdraw at any time.", "source": ""}


def test_anybody_reads_them(shop: Source) -> None:
    publish_wording("shop-7", "Words of the shop", source=shop, by="process:test")
    page = Client().get("/feedback/wordings/").content.decode()
    assert "It covers every correction you send from this browser." in page
    assert "Words of the shop" not in page and "Publish another" not in page
    one = Client().get("/feedback/wordings/shop-7/").content.decode()
    assert "Words of the shop" in one
    assert Client().get("/feedback/wordings/2020-1/").status_code == 404


def test_compliance_publishes(carl: User, shop: Source, event_names) -> None:
    client = signed_in(carl)
    page = client.post("/feedback/publish-wording/", FORM, follow=True).content.decode()
    assert "Published for good: 2027-1" in page and "Withdraw at any time." in page
    wording = ConsentWording.objects.get(pk="2027-1")
    assert (wording.text, wording.published_by) == ("Train on it\nWithdraw at any time.", f"user:{carl.pk}")
    assert event_names()[-1] == "consent_wording.published"
    assert "2027-1" in client.get("/audit/").content.decode()
    lineage = client.get("/audit/lineage/consent_wording/2027-1/").content.decode()
    assert 'href="/feedback/wordings/2027-1/"' in lineage


def test_what_cannot_be_published_stays_in_the_form(carl: User) -> None:
    client = signed_in(carl)
    for change, status, words in (
        ({"version": SHOWN}, 409, "published already"),
        ({"language": "?"}, 422, "no language"),
    ):
        answer = client.post("/feedback/publish-wording/", FORM | change)
        assert answer.status_code == status
        assert words in answer.content.decode() and "Withdraw at any time." in answer.content.decode()


def test_others_publish_nothing(rosa: User, ada: User) -> None:
    for user in (rosa, ada):
        assert signed_in(user).post("/feedback/publish-wording/", FORM).status_code == 403
    assert not ConsentWording.objects.filter(pk="2027-1").exists()


def test_the_ledger_shows_the_words_that_were_agreed_to(carl: User, shop: Source) -> None:
    publish_wording("shop-7", "Words of the shop\nMore of them.", source=shop, by="process:test")
    subject = record_interaction(shop, "u-1", "p", "a", by="process:test").subject
    grant_consent(subject, wording_version="shop-7", by="visitor")
    for query in ({}, {"q": subject.label}):
        page = signed_in(carl).get("/feedback/consent/", query).content.decode()
        assert "Words of the shop" in page and "More of them." in page
