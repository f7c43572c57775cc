"""A tenant is whom a row is of, a brand or a customer: a key of one posts for that one, and nobody's words mix."""

import uuid

import pytest
from django.db import IntegrityError, transaction
from psycopg import errors

from cftapp.base.refusal import Refused
from feedback.actions import issue_api_key, record_interaction, register_source
from feedback.models import ConsentEntry, Correction, Interaction, Subject
from tests.feedback.conftest import Application
from tests.support.wordings import SHOWN

ROW = {"subject": "u-1", "prompt": "How long?", "answer": "14 days."}


class TenantsApplication(Application):
    """An application that may post for one tenant only."""

    def __init__(self, source, tenant):
        super().__init__(source)
        self.key, self.token = issue_api_key(source, tenant, tenant=tenant, by="process:test")


@pytest.fixture
def acme(shop):
    return TenantsApplication(shop, "acme")


@pytest.fixture
def bolt(shop):
    return TenantsApplication(shop, "bolt")


@pytest.fixture
def brand(db):
    return register_source("brand", "Brand", held_out_percent=0, tenant="acme", by="process:test")


def fields_of(response, status):
    assert response.status_code == status, response.content
    return [error["field"] for error in response.json()["errors"]]


def test_a_row_is_of_the_keys_tenant_then_its_own_then_the_sources(application, acme, brand):
    assert acme.post("interactions/", ROW).json()["tenant"] == "acme"
    assert acme.post("interactions/", ROW | {"tenant": "acme"}).json()["tenant"] == "acme"
    assert application.post("interactions/", ROW | {"tenant": "bolt"}).json()["tenant"] == "bolt"
    assert application.post("interactions/", ROW).json()["tenant"] == ""
    of_brand = Application(brand)
    assert of_brand.post("interactions/", ROW).json()["tenant"] == "acme"
    assert fields_of(of_brand.post("interactions/", ROW | {"tenant": "bolt"}), 422) == ["tenant"]


def test_a_key_posts_for_no_other_tenant(acme):
    reply = acme.post("interactions/", ROW | {"tenant": "bolt"})
    assert fields_of(reply, 403) == ["tenant"] and reply.json()["errors"][0]["remedy"]
    rows = [{"kind": "interaction"} | ROW | {"tenant": "bolt"}, {"kind": "interaction"} | ROW]
    results = acme.post("feedback/batch", rows).json()["results"]
    assert [row["status"] for row in results] == ["refused", "recorded"]
    assert results[0]["errors"][0]["field"] == "tenant"
    assert [row.tenant for row in Interaction.objects.all()] == ["acme"]


def test_a_key_reads_of_its_tenant_only(application, acme, bolt):
    mine = acme.interaction()
    bolt.interaction()
    assert [row["id"] for row in acme.get("interactions/").json()["results"]] == [mine]
    assert len(application.get("interactions/").json()["results"]) == 2


def test_feedback_on_another_tenants_interaction_is_refused(acme, bolt):
    key = acme.interaction(external_id="x-1")
    wrong = {"replacement": "30 days.", "consent": SHOWN, "subject": "u-1"}
    for named in ({"interaction": key}, {"external_id": "x-1"}):
        assert fields_of(bolt.post("corrections/", wrong | named), 403) == ["tenant"]
        row = bolt.post("feedback/batch", [{"kind": "correction"} | wrong | named]).json()["results"][0]
        assert (row["status"], row["errors"][0]["field"]) == ("refused", "tenant")
    assert not Correction.objects.exists() and not ConsentEntry.objects.exists()
    assert acme.post("corrections/", wrong | {"interaction": key}).status_code == 201


def test_an_external_id_of_another_tenant_is_a_conflict(acme, bolt):
    acme.interaction(external_id="x-1")
    body = {"subject": "u-1", "prompt": "How long is the refund window?", "answer": "14 days.", "external_id": "x-1"}
    assert fields_of(bolt.post("interactions/", body), 409) == ["tenant"]
    row = bolt.post("feedback/batch", [{"kind": "interaction"} | body]).json()["results"][0]
    assert row["errors"][0]["field"] == "tenant"
    assert acme.post("interactions/", body).status_code == 200


def test_a_replay_is_of_its_originals_tenant(application, acme, bolt):
    original = acme.interaction()
    replay = {"replay_of": original, "prompt": "p", "answer": "a"}
    assert application.post("interactions/", replay).json()["tenant"] == "acme"
    assert fields_of(bolt.post("interactions/", replay), 422) == ["tenant"]
    assert bolt.post("feedback/batch", [{"kind": "interaction"} | replay]).json()["refused"] == 1


# --- consent ---
def test_a_key_grants_for_nobody_who_speaks_to_another_tenant(acme, bolt):
    acme.interaction(subject="u-1")
    grant = {"subject": "u-1", "wording_version": SHOWN}
    assert fields_of(bolt.post("consents/", grant), 403) == ["subject"]
    assert not ConsentEntry.objects.exists()
    assert acme.post("consents/", grant).status_code == 201
    bolt.interaction(subject="u-1")
    assert fields_of(acme.post("consents/", grant), 403) == ["subject"]


def test_a_key_withdraws_for_whoever_spoke_to_its_tenant(application, acme, bolt):
    acme.interaction(subject="u-1")
    subject = Subject.objects.get()
    application.post("consents/", {"subject": "u-1", "wording_version": SHOWN})
    assert bolt.post("consents/withdraw", {"subject": "u-1"}).status_code == 404
    gone = bolt.client.delete(f"/api/v1/consents/{subject.pk}/", headers=bolt.authorization)
    assert gone.status_code == 404 and Subject.objects.consented().count() == 1
    bolt.interaction(subject="u-1")
    assert bolt.post("consents/withdraw", {"subject": "u-1"}).status_code == 201
    assert not Subject.objects.consented().exists()


# --- what the database and the actions refuse themselves ---
def test_a_key_of_another_tenant_than_its_sources_is_refused(brand):
    with pytest.raises(Refused, match="tenant"):
        issue_api_key(brand, "key", tenant="bolt", by="process:test")
    assert issue_api_key(brand, "key", tenant="acme", by="process:test")[0].tenant == "acme"


@pytest.mark.parametrize("tenant", ["bolt", ""])
def test_postgresql_refuses_a_row_of_another_tenant(brand, tenant):
    recorded = record_interaction(brand, "u-1", "p", "a", by="process:test")
    assert recorded.tenant == "acme"
    recorded.pk, recorded.tenant = uuid.uuid4(), tenant
    with pytest.raises(IntegrityError, match="a source of the tenant acme"), transaction.atomic():
        recorded.save(force_insert=True)
    recorded.tenant = "acme"
    recorded.save(force_insert=True)


def test_postgresql_refuses_a_key_of_another_tenant(brand):
    key = issue_api_key(brand, "key", by="process:test")[0]
    key.pk, key.tenant, key.token_hash = None, "bolt", "0" * 64
    with pytest.raises(IntegrityError, match="a source of the tenant acme"), transaction.atomic():
        key.save(force_insert=True)


@pytest.mark.parametrize("table", ["feedback_interaction", "feedback_source", "feedback_apikey"])
def test_the_web_process_moves_nothing_to_another_tenant(connect_as, acme, table):
    acme.interaction()
    with pytest.raises(errors.InsufficientPrivilege):
        connect_as("web").execute(f"UPDATE {table} SET tenant = 'bolt'")
