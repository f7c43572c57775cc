"""Who may do what in the vault, asked of PostgreSQL with the roles' own logins."""

import uuid

import psycopg
import pytest
from psycopg.types.json import Jsonb

pytestmark = pytest.mark.django_db(transaction=True)

TEXT_TABLES = ("vault_item", "vault_itemscore", "vault_referencetext", "vault_mailboxentry")


@pytest.mark.parametrize("role", ["trainer", "curator", "beat", "sealer"])
def test_others_may_not_even_connect(connect_as, role):
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        connect_as(role, "vault")


@pytest.mark.parametrize("table", [*TEXT_TABLES, "vault_registrysnapshot"])
@pytest.mark.parametrize("statement", ["SELECT * FROM {}", "SELECT count(*) FROM {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_web_reads_nothing_back(connect_as, table, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as("web", "vault").execute(statement.format(table))


def test_the_web_may_drop_mail_in_and_not_look(connect_as):
    web = connect_as("web", "vault")
    insert = "INSERT INTO vault_mailboxentry (kind, object_id, content, received_at) VALUES (%s, %s, %s, now())"
    web.execute(insert, ["proposed_item", uuid.uuid4(), Jsonb({"items": []})])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute(insert + " RETURNING content", ["proposed_item", uuid.uuid4(), Jsonb({})])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("UPDATE vault_mailboxentry SET content = '{}'")


@pytest.mark.parametrize("table", TEXT_TABLES)
def test_the_screener_reads_no_text(connect_as, table):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as("screener", "vault").execute(f"SELECT * FROM {table}")


def test_the_screener_reads_fingerprints_and_changes_nothing(connect_as, publish):
    publish("towns")
    screener = connect_as("screener", "vault")
    ((number, content),) = screener.execute("SELECT number, content FROM vault_registrysnapshot").fetchall()
    assert number == 1
    assert b"capital" not in bytes(content)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        screener.execute("INSERT INTO vault_registrysnapshot VALUES (2, '', '', now())")


@pytest.mark.parametrize("table", [*TEXT_TABLES, "vault_registrysnapshot"])
def test_the_evaluator_reads_and_deletes_nothing(connect_as, table):
    evaluator = connect_as("evaluator", "vault")
    evaluator.execute(f"SELECT count(*) FROM {table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        evaluator.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("web", "UPDATE evaluation_gate SET verdict = 'PASS'"),
        ("web", "INSERT INTO evaluation_gateresult (verdict) VALUES ('PASS')"),
        ("web", "INSERT INTO evaluation_benchmarkversion (number) VALUES (1)"),
        ("web", "UPDATE evaluation_waiver SET reason = 'because'"),
        ("curator", "UPDATE evaluation_gate SET verdict = 'PASS'"),
        ("curator", "INSERT INTO evaluation_waiver (reason) VALUES ('because')"),
        ("trainer", "SELECT * FROM evaluation_gate"),
        ("evaluator", "UPDATE evaluation_gate SET run_id = 1"),
        ("evaluator", "DELETE FROM evaluation_gateresult"),
        ("evaluator", "SELECT password FROM auth_user"),
    ],
)
def test_no_role_writes_what_is_another_s(connect_as, role, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as(role).execute(statement)
