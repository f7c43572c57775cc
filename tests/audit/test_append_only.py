"""Not even the owner changes a line without taking a trigger away first; the application's roles cannot at all."""

import json
from collections.abc import Callable

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from audit.actions import record

FIRST_WORDS = {
    "web": ("case.decided", "user:1"),
    "curator": ("withdrawal.marked", "process:curator"),
    "screener": ("case.screened", "process:screener"),
    "trainer": ("run.started", "process:trainer"),
    "evaluator": ("gate.started", "process:evaluator"),
}
TABLES = ("audit_event", "audit_edge", "audit_leaf", "audit_tile", "audit_checkpoint")


@pytest.fixture
def event(db: None) -> int:
    with transaction.atomic():
        return record("case.decided", by="process:test", generated=[("pair", "1")])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET name = 'x'",
        "DELETE FROM audit_event",
        "DELETE FROM audit_edge",
        "UPDATE audit_edge SET kind = 'x'",
    ],
)
def test_the_owner_is_refused(event: int, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.django_db(transaction=True)
def test_truncate_is_refused(table: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("role", ["web", "curator", "screener", "trainer", "evaluator", "beat"])
@pytest.mark.django_db(transaction=True)
def test_a_runtime_role_appends_and_reads_only(role: str, connect_as: Callable[..., psycopg.Connection]) -> None:
    with connect_as(role, "default") as session:
        if role in FIRST_WORDS:
            name, actor = FIRST_WORDS[role]
            said = {"name": name, "actor": actor, "used": [], "generated": [], "detail": {}}
            assert session.execute("SELECT audit_append(%s)", [json.dumps(said).encode()]).fetchone()
        assert session.execute("SELECT count(*) FROM audit_event").fetchone()
        for table in TABLES:
            for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"ALTER TABLE {table} DISABLE TRIGGER ALL"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
                    session.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
            session.execute(
                "INSERT INTO audit_event (transaction_id, recorded_at, name, actor, detail, body) "
                "VALUES (0, now(), 'n', 'a', '{}', '')"
            )
