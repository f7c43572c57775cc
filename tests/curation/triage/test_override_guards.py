"""Overrides under attack: plain SQL as the process roles. Only what two people confirmed opens a guard."""

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User

from curation.checks.identity import row_hash
from curation.models import Case, Override, Pair
from curation.triage.override_actions import confirm_override, request_override
from tests.curation.conftest import EXAM, World
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])

REFUSED = (psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)
ASK = """INSERT INTO curation_override (case_id, check_name, substance, finding, reason, state, requested_by_id, note,
    requested_at) VALUES (%s, %s, %s, '{}', %s, %s, %s, '', now()) RETURNING id"""
SETTLE = "UPDATE curation_override SET state = %s, settled_by_id = %s, settled_at = now() WHERE id = %s"
DECIDE = "UPDATE curation_case SET state = 'decided', verdict = 'accepted', decided_by_id = %s WHERE id = %s"
PAIR = """INSERT INTO curation_pair (id, correction_id, subject_id, prompt, chosen, rejected, row_hash, screened_epoch,
    state, accepted_by_id, accepted_at) VALUES (%s, %s, %s, %s, %s, %s, %s, 1, 'accepted', %s, now())"""


@pytest.fixture
def web(connect_as: Callable[..., psycopg.Connection]) -> psycopg.Connection:
    return connect_as("web")


@pytest.fixture
def lea(db: None) -> User:
    return person("lea", "lead")


@pytest.fixture
def blocked(world: World) -> Case:
    return world.screened(EXAM[0][2], right="Twenty.")


def ask(web: psycopg.Connection, case: Case, by: User, check: str = "overlap", **changed: str) -> int:
    row = {"substance": "", "reason": "Printed everywhere.", "state": "requested"} | changed
    values = [case.pk, check, row["substance"], row["reason"], row["state"], by.pk]
    number: int = web.execute(ASK, values).fetchone()[0]
    return number


def accept(web: psycopg.Connection, case: Case, by: User) -> None:
    web.execute(DECIDE, [by.pk, case.pk])
    interaction, right = case.correction.interaction, case.correction.replacement
    texts = [interaction.prompt, right, interaction.answer]
    values = [uuid.uuid4(), case.correction_id, case.subject_id, *texts, row_hash(*texts), by.pk]
    web.execute(PAIR, values)


def test_the_honest_way_works_by_sql_too(web: psycopg.Connection, blocked: Case, rosa: User, lea: User) -> None:
    web.execute(SETTLE, ["confirmed", lea.pk, ask(web, blocked, rosa)])
    accept(web, blocked, rosa)
    assert Pair.objects.count() == 1


def test_a_request_opens_no_guard(web: psycopg.Connection, blocked: Case, rosa: User) -> None:
    ask(web, blocked, rosa)
    with pytest.raises(psycopg.errors.RestrictViolation, match="a blocker forbids"):
        accept(web, blocked, rosa)


@pytest.mark.parametrize("state", ["confirmed", "declined", "withdrawn"])
def test_no_override_begins_settled(web: psycopg.Connection, blocked: Case, rosa: User, state: str) -> None:
    with pytest.raises(REFUSED):
        ask(web, blocked, rosa, state=state)


def test_who_asked_does_not_confirm(web: psycopg.Connection, blocked: Case, lea: User) -> None:
    number = ask(web, blocked, lea)
    with pytest.raises(psycopg.errors.CheckViolation, match="override_needs_two_people"):
        web.execute(SETTLE, ["confirmed", lea.pk, number])


def test_who_is_no_lead_does_not_confirm(web: psycopg.Connection, blocked: Case, rosa: User, rob: User) -> None:
    number = ask(web, blocked, rosa)
    with pytest.raises(psycopg.errors.RestrictViolation, match="a lead settles it"):
        web.execute(SETTLE, ["confirmed", rob.pk, number])


def test_who_is_no_reviewer_does_not_ask(web: psycopg.Connection, blocked: Case, erin: User) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match="only a reviewer"):
        ask(web, blocked, erin)


def test_what_it_covers_is_read_from_the_finding(web: psycopg.Connection, blocked: Case, rosa: User) -> None:
    ask(web, blocked, rosa, substance="overlap everything")
    held = Override.objects.get()
    assert "item-train" in held.substance and held.finding["evidence"]["item"] == "item-train"


@pytest.mark.parametrize("column", ["case_id = 1", "check_name = 'consent'", "substance = 'x'", "reason = 'x'"])
def test_what_it_covers_is_fixed(
    web: psycopg.Connection, blocked: Case, rosa: User, column: str, owner: psycopg.Connection
) -> None:
    number = ask(web, blocked, rosa)
    statement = f"UPDATE curation_override SET {column} WHERE id = %s"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute(statement, [number])
    with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.ForeignKeyViolation)):
        owner.execute(statement, [number])


@pytest.mark.parametrize("check", ["consent", "environment", "personal_data", "secret", "kind", "author_share"])
def test_no_sql_overrides_what_nobody_may(
    web: psycopg.Connection, world: World, rosa: User, check: str, owner: psycopg.Connection
) -> None:
    case = world.screened()
    owner.execute("UPDATE curation_blocker SET blocking = true WHERE case_id = %s", [case.pk])
    with pytest.raises(psycopg.errors.RestrictViolation, match="that people may override"):
        ask(web, case, rosa, check=check)


def test_a_settled_one_is_not_settled_again(web: psycopg.Connection, blocked: Case, rosa: User, lea: User) -> None:
    number = ask(web, blocked, rosa)
    web.execute(SETTLE, ["declined", lea.pk, number])
    for state in ("confirmed", "requested", "withdrawn"):
        with pytest.raises(REFUSED):
            web.execute(SETTLE, [state, lea.pk, number])


def test_none_is_deleted(web: psycopg.Connection, blocked: Case, rosa: User, owner: psycopg.Connection) -> None:
    ask(web, blocked, rosa)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("DELETE FROM curation_override")
    with pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute("DELETE FROM curation_override")


def test_the_finding_changes_behind_it_and_the_guard_shuts(
    web: psycopg.Connection, blocked: Case, rosa: User, lea: User, owner: psycopg.Connection
) -> None:
    confirm_override(request_override(blocked.pk, "overlap", "Printed everywhere.", by=rosa).pk, by=lea)
    owner.execute('UPDATE curation_blocker SET evidence = evidence || \'{"item": "another"}\' WHERE blocking')
    with pytest.raises(psycopg.errors.RestrictViolation, match="a blocker forbids"):
        accept(web, blocked, rosa)


@pytest.mark.parametrize("role", ["curator", "screener", "trainer", "evaluator", "beat"])
def test_no_worker_asks_or_confirms(connect_as: Callable[..., Any], role: str) -> None:
    for statement in (
        "INSERT INTO curation_override DEFAULT VALUES",
        "UPDATE curation_override SET state = 'confirmed'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect_as(role).execute(statement)
