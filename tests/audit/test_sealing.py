"""Sealing: gapless positions, signed heads in and outside the database, and what gives tampering away."""

import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, connections, transaction

from audit.actions import record
from audit.merkle import verify_consistency, verify_inclusion
from audit.models import Checkpoint, Event, Leaf
from audit.outside import read
from audit.sealing import NUMBER_EVENTS, RolledBack, seal, stored_tree
from audit.verify import verify

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints" / "audit.jsonl"


def append(count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            record("case.decided", by="process:test", generated=[("pair", number)])


def owner_changes(statement: str, table: str) -> None:
    """What somebody with the owner's password could do."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_an_untouched_log_verifies(key: Ed25519PrivateKey, outside: Path) -> None:
    append(3)
    first = seal(key, outside)
    append(300)
    second = seal(key, outside)
    assert first and second
    assert seal(key, outside) is None
    tree = stored_tree(second.tree_size)
    proof = tree.consistency_proof(first.tree_size)
    assert verify_consistency(first.tree_size, second.tree_size, bytes(first.root_hash), bytes(second.root_hash), proof)
    leaf = Leaf.objects.get(position=7)
    assert verify_inclusion(
        bytes(leaf.leaf_hash), 7, second.tree_size, tree.inclusion_proof(7), bytes(second.root_hash)
    )
    report = verify(key.public_key(), [outside])
    assert report.verified, report.problems
    assert (report.size, report.checkpoints, report.outside, report.unsealed) == (Event.objects.count(), 2, 2, 0)


def test_an_event_of_an_open_transaction_waits_and_holds_back_later_ones(key: Ed25519PrivateKey, outside: Path) -> None:
    recorded, finish = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with transaction.atomic():
            record("case.decided", by="process:slow")
            recorded.set()
            finish.wait(60)
        connections.close_all()

    append(1)
    seal(key, outside)
    before = Leaf.objects.count()
    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert recorded.wait(60)
    append(2)
    assert seal(key, outside) is None
    finish.set()
    writer.join()
    assert seal(key, outside)
    assert Leaf.objects.count() == before + 3
    names = Event.objects.filter(leaf__position__gte=before).order_by("leaf__position").values_list("actor", flat=True)
    assert list(names) == ["process:slow", "process:test", "process:test"]


@pytest.mark.parametrize(
    ("table", "statement", "problem"),
    [
        (
            "audit_event",
            "UPDATE audit_event SET body = convert_to('{}', 'UTF8') WHERE id = (SELECT max(id) FROM audit_event)",
            "bytes",
        ),
        (
            "audit_event",
            "UPDATE audit_event SET actor = 'user:1' WHERE id = (SELECT max(id) FROM audit_event)",
            "actor was edited",
        ),
        ("audit_edge", "DELETE FROM audit_edge WHERE id = (SELECT max(id) FROM audit_edge)", "edges was edited"),
        ("audit_leaf", "DELETE FROM audit_leaf WHERE position = 1", "position 1 is missing"),
        ("audit_checkpoint", "UPDATE audit_checkpoint SET note = replace(note, 'audit', 'other')", "not a checkpoint"),
        ("audit_checkpoint", "UPDATE audit_checkpoint SET signature = sha256('x') || sha256('y')", "signature"),
    ],
)
def test_tampering_by_the_owner_is_found(
    key: Ed25519PrivateKey, outside: Path, table: str, statement: str, problem: str
) -> None:
    append(5)
    seal(key, outside)
    owner_changes(statement, table)
    report = verify(key.public_key(), [outside])
    assert any(problem in line for line in report.problems), report.problems


def test_a_log_rewritten_with_its_checkpoints_is_given_away_by_the_copy_outside(
    key: Ed25519PrivateKey, outside: Path
) -> None:
    append(4)
    seal(key, outside)
    owner_changes("DELETE FROM audit_leaf WHERE position = 3", "audit_leaf")
    owner_changes("DELETE FROM audit_checkpoint", "audit_checkpoint")
    assert any("outside the database" in line for line in verify(key.public_key(), [outside]).problems)
    with pytest.raises(RolledBack, match="rolled back"):
        seal(key, outside)


def test_another_key_does_not_verify(key: Ed25519PrivateKey, outside: Path) -> None:
    append(1)
    seal(key, outside)
    assert any("signature" in line for line in verify(Ed25519PrivateKey.generate().public_key(), [outside]).problems)


def test_a_torn_last_line_outside_is_passed_over_and_cut(key: Ed25519PrivateKey, outside: Path) -> None:
    append(1)
    seal(key, outside)
    with outside.open("a") as file:
        file.write('{"size": 99')
    append(1)
    assert seal(key, outside)
    assert [head.size for head in read(outside).heads] == list(
        Checkpoint.objects.order_by("tree_size").values_list("tree_size", flat=True)
    )


def test_a_log_restored_into_a_new_cluster_is_sealed_on(key: Ed25519PrivateKey, outside: Path) -> None:
    append(3)
    seal(key, outside)
    append(1)  # appended before the restore, not sealed yet
    owner_changes("UPDATE audit_event SET transaction_id = transaction_id + 1000000000", "audit_event")
    append(2)

    head = seal(key, outside)

    assert head and head.tree_size == 6
    assert list(Leaf.objects.order_by("position").values_list("event_id", flat=True)) == list(
        Event.objects.order_by("id").values_list("id", flat=True)
    )
    append(1)
    again = seal(key, outside)
    assert again and again.tree_size == 7
    assert verify(key.public_key(), [outside]).problems == []


def test_the_sealer_looks_at_new_events_only(key: Ed25519PrivateKey, outside: Path) -> None:
    append(300)
    seal(key, outside)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_event")
        cursor.execute("ANALYZE audit_leaf")
        cursor.execute("SET enable_seqscan = on")
        cursor.execute("EXPLAIN " + NUMBER_EVENTS)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on audit_event" not in plan
