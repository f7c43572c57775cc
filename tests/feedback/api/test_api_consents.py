from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.models import ConsentEntry, Subject
from tests.support.wordings import published

GRANT = {"subject": "u-1", "wording_version": "shop-terms-7"}


@pytest.fixture(autouse=True)
def terms(db: None) -> None:
    published("shop-terms-7")


def consented() -> bool:
    return Subject.objects.get().pk in Subject.objects.consented().values_list("pk", flat=True)


def test_grant_and_withdraw(application, event_names):
    reply = application.post("consents/", GRANT | {"legal_basis": "contract"}).json()
    assert (reply["decision"], reply["legal_basis"]) == ("granted", "contract")
    assert consented()
    withdrawn = application.post("consents/withdraw", {"subject": "u-1"})
    assert withdrawn.status_code == 201 and withdrawn.json()["decision"] == "withdrawn"
    assert withdrawn.json()["wording_version"] == "shop-terms-7"
    assert not consented()
    assert event_names()[-2:] == ["consent.granted", "consent.withdrawn"]
    assert ConsentEntry.objects.count() == 2


def test_withdraw_by_the_subjects_id(application):
    subject = application.post("consents/", GRANT).json()["subject"]
    url = f"/api/v1/consents/{subject}/"
    assert application.client.delete(url, headers=application.authorization).status_code == 200
    assert not consented()


def test_another_sources_subject_is_unknown(application, examined):
    subject = application.post("consents/", GRANT).json()["subject"]
    url = f"/api/v1/consents/{subject}/"
    assert examined.client.delete(url, headers=examined.authorization).status_code == 404
    assert consented()


def test_a_grant_expires(application):
    past = (timezone.now() - timedelta(seconds=5)).isoformat()
    response = application.post("consents/", GRANT | {"expires_at": past})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "expires_at"
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    assert application.post("consents/", GRANT | {"expires_at": later}).status_code == 201
    assert consented()


def test_the_same_grant_twice_is_one_line(application):
    replies = [application.post("consents/", GRANT).json() for _ in range(2)]
    assert replies[0] == replies[1]
    assert ConsentEntry.objects.count() == 1


def test_withdrawing_without_a_grant_is_an_objection_on_record(application):
    application.interaction()
    application.post("consents/withdraw", {"subject": "u-1"})
    assert ConsentEntry.objects.get().decision == "withdrawn"


@pytest.mark.parametrize("wording", ["", "two words", "x" * 41, "<b>"])
def test_a_wording_is_named_by_an_identifier(application, wording):
    response = application.post("consents/", GRANT | {"wording_version": wording})
    assert response.status_code == 422
    assert not ConsentEntry.objects.exists()
