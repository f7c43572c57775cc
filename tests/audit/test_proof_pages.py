"""What the pages of an event and of verification prove, and that they say so when they cannot."""

import json
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.actions import record
from audit.checkpoint import parse_note
from audit.merkle import leaf_hash, verify_inclusion
from audit.models import Event
from audit.outside import copy_file, first_file, keep_first
from audit.sealing import first_head, seal
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(settings, tmp_path):
    key = Ed25519PrivateKey.generate()
    settings.CFT_VAR = tmp_path
    settings.CFT_AUDIT_PUBLIC_KEY_FILE = tmp_path / "audit.pub"
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    settings.CFT_AUDIT_PUBLIC_KEY_FILE.write_bytes(pem)
    return key


@pytest.fixture
def omar(key):
    return signed_in(person("omar", "compliance"))


def append(count, name="case.decided"):
    for number in range(count):
        with transaction.atomic():
            last = record(name, by="process:test", generated=[("pair", number)], detail={"n": number})
    return last


def tamper(statement):
    """What the owner of the database could do."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")


def test_an_event_that_is_not_sealed_yet_says_so_and_has_no_proof_to_download(omar):
    event = append(1)
    page = omar.get(f"/audit/events/{event}/").content.decode()
    assert "not sealed yet" in page
    assert omar.get(f"/audit/events/{event}/proof.json").status_code == 404


def test_a_sealed_event_shows_its_place_and_its_proof_verifies(omar, key):
    event = append(7)
    seal(key, copy_file())
    response = omar.get(f"/audit/events/{event}/")
    proof = response.context["proof"]
    assert (proof.position, proof.verified, proof.signature_fits) == (6, True, True)
    assert "verified" in response.content.decode()
    assert "/audit/lineage/pair/6/" in response.content.decode()


def test_the_downloaded_proof_is_checked_with_the_public_key_alone(omar, key):
    event = append(300)
    seal(key, copy_file())
    response = omar.get(f"/audit/events/{event}/proof.json")
    assert "attachment" in response.headers["Content-Disposition"]
    document = json.loads(response.content)
    leaf, head = leaf_hash(b64decode(document["body"])), document["checkpoint"]
    key.public_key().verify(b64decode(head["signature"]), head["note"].encode())
    size, root = parse_note(head["note"])
    path = [bytes.fromhex(sibling) for sibling in document["inclusion_proof"]]
    assert verify_inclusion(leaf, document["position"], size, path, root)
    assert json.loads(b64decode(document["body"])) == document["event"]


def test_an_edited_event_is_shown_as_broken(omar, key):
    event = append(3)
    seal(key, copy_file())
    tamper(f"UPDATE audit_event SET body = body || ' ' WHERE id = {event}")
    response = omar.get(f"/audit/events/{event}/")
    assert not response.context["proof"].verified
    assert "broken" in response.content.decode()


def test_a_head_signed_with_another_key_is_shown_as_broken(omar):
    event = append(1)
    seal(Ed25519PrivateKey.generate(), copy_file())
    assert omar.get(f"/audit/events/{event}/").context["proof"].signature_fits is False
    assert "does not fit" in omar.get("/audit/verify/").content.decode()


def test_the_button_verifies_the_whole_log_and_says_what_is_not_sealed(omar, key, settings):
    append(5)
    seal(key, copy_file())
    keep_first(first_file(settings.CFT_AUDIT_PUBLIC_KEY_FILE), first_head())
    append(2)
    report = omar.post("/audit/verify/")
    page = report.content.decode()
    assert report.context["report"].verified
    assert "The log verifies" in page
    assert "2 newer events are written but not under a signature yet" in page


def test_the_button_says_what_is_wrong(omar, key):
    event = append(5)
    seal(key, copy_file())
    tamper(f"UPDATE audit_event SET actor = 'user:1' WHERE id = {event}")
    page = omar.post("/audit/verify/").content.decode()
    assert "The log does not verify" in page
    assert "position 4: column actor was edited" in page


def test_checkpoints_are_shown_to_extend_each_other_in_few_queries(omar, key):
    for count in (1, 3, 254, 2, 300, 7, 600, 1, 1, 90, 40, 5):
        append(count)
        seal(key, copy_file())
    with CaptureQueriesContext(connection) as queries:
        response = omar.get("/audit/verify/")
    chain = response.context["chain"]
    assert len(queries) <= 12
    assert len(response.content) < 60_000
    assert [link.checkpoint.tree_size for link in chain][:3] == [1304, 1299, 1259]
    assert len(chain) == 10 and all(link.consistent and link.signature_fits for link in chain)
    assert "Every event is sealed." in response.content.decode()


def test_a_checkpoint_that_does_not_extend_the_one_before_is_shown_as_inconsistent(omar, key):
    append(4)
    seal(key, copy_file())
    append(4)
    seal(key, copy_file())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_checkpoint SET root_hash = sha256('x') WHERE tree_size = 4")
        cursor.execute("ALTER TABLE audit_checkpoint ENABLE TRIGGER USER")
    assert [link.consistent for link in omar.get("/audit/verify/").context["chain"]] == [False, False]


def test_without_a_public_key_the_button_is_shut_and_says_why(omar, settings):
    settings.CFT_AUDIT_PUBLIC_KEY_FILE = None
    page = omar.get("/audit/verify/").content.decode()
    assert "CFT_AUDIT_PUBLIC_KEY_FILE" in page and "disabled" in page
    assert omar.post("/audit/verify/").context["report"] is None


def test_the_pages_take_a_role(omar):
    event = append(1)
    for path in (f"/audit/events/{event}/", f"/audit/events/{event}/proof.json", "/audit/verify/"):
        assert signed_in(person("nobody")).get(path).status_code == 403
    assert omar.get(f"/audit/events/{event + 1}/").status_code == 404
    assert Event.objects.count() == 1
