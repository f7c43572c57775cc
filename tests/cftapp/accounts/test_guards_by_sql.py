"""Whoever holds the web process's login changes no account without an event, gives no role, sets no password."""

import json

import psycopg
import pytest
from django.contrib.auth.models import User

from audit.models import Event
from cftapp.accounts.models import Request

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)


@pytest.fixture
def insider(company, connect_as):
    """A session of the web process's login."""
    return connect_as("web")


def say(session, name, actor, **edges):
    said = {"name": name, "actor": f"user:{actor.pk}", "used": list(edges.items()), "generated": [], "detail": {}}
    session.execute("SELECT audit_append(%s)", [json.dumps(said).encode()])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE auth_user SET is_superuser = true WHERE id = {otto}",
        "UPDATE auth_user SET is_staff = true WHERE id = {otto}",
        "UPDATE auth_user SET password = (SELECT password FROM auth_user WHERE id = {ada}) || 'x' WHERE id = {rosa}",
        "UPDATE auth_user SET is_active = false WHERE id = {ada}",
        "UPDATE auth_user SET username = 'ada2' WHERE id = {ada}",
        "DELETE FROM auth_user WHERE id = {otto}",
        "DELETE FROM auth_user_groups WHERE user_id = {ada}",
        "INSERT INTO auth_user_groups (user_id, group_id) SELECT {otto}, id FROM auth_group WHERE name = 'admin'",
        "INSERT INTO auth_user_user_permissions (user_id, permission_id) SELECT {otto}, min(id) FROM auth_permission",
        "UPDATE auth_group SET name = 'admins' WHERE name = 'admin'",
        "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, "
        "date_joined) VALUES ('!', false, 'eve', '', '', '', false, true, now())",
        "INSERT INTO accounts_request (account_id, wanted, state, asked_by_id, asked_at) "
        "VALUES ({rosa}, 'lead', 'requested', {ada}, now())",
    ],
)
def test_without_an_event_nothing_changes(insider, company, statement):
    before = list(User.objects.order_by("id").values()), Event.objects.count()
    with pytest.raises(REFUSED):
        insider.execute(statement.format(**{name: one.pk for name, one in vars(company).items()}))
    assert (list(User.objects.order_by("id").values()), Event.objects.count()) == before
    assert not User.groups.through.objects.filter(user=company.otto).exists() and not Request.objects.exists()


@pytest.mark.parametrize("column", ["is_superuser", "is_staff"])
def test_no_event_makes_a_superuser(insider, company, column):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="made by the owner"), insider.transaction():
        say(insider, "account.role_granted", company.ada, account=company.otto.pk)
        insider.execute(f"UPDATE auth_user SET {column} = true WHERE id = {company.otto.pk}")


def test_nor_a_new_account_that_is_one(insider, company):
    values = "('!', true, 'eve', '', '', '', true, true, now())"
    columns = "password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined"
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="made by the owner"), insider.transaction():
        insider.execute(f"INSERT INTO auth_user ({columns}) VALUES {values}")


@pytest.mark.parametrize("name", ["account.password_changed", "account.password_chosen", "account.closed"])
def test_an_admin_s_event_sets_nobody_else_s_password(insider, company, name):
    with pytest.raises(psycopg.Error, match="who alone sets its password"), insider.transaction():
        say(insider, name, company.ada, account=company.rosa.pk)
        insider.execute(f"UPDATE auth_user SET password = 'md5$x$y' WHERE id = {company.rosa.pk}")
    with insider.transaction():
        say(insider, "account.password_changed", company.rosa, account=company.rosa.pk)
        insider.execute(f"UPDATE auth_user SET password = 'md5$x$y' WHERE id = {company.rosa.pk}")


def ask(session, account, by, wanted="lead"):
    with session.transaction():
        row = session.execute(
            "INSERT INTO accounts_request (account_id, wanted, state, asked_by_id, asked_at) "
            "VALUES (%s, %s, 'requested', %s, now()) RETURNING id",
            [account.pk, wanted, by.pk],
        ).fetchone()
        say(session, "account.role_requested", by, account=account.pk, account_request=row[0])
    return row[0]


def confirm(session, pk, account, by, teller=None, state="confirmed"):
    with session.transaction():
        session.execute(
            "UPDATE accounts_request SET state = %s, answered_by_id = %s, answered_at = now() WHERE id = %s",
            [state, by.pk, pk],
        )
        say(session, "account.role_granted", teller or by, account=account.pk, account_request=pk)


def roles(account):
    return set(User.groups.through.objects.filter(user=account).values_list("group__name", flat=True))


@pytest.mark.parametrize(
    ("account", "asker", "confirmer", "teller"),
    [
        ("rosa", "ada", "ada", "ada"),  # the same person twice
        ("ada", "bea", "ada", "ada"),  # for oneself
        ("rosa", "ada", "otto", "otto"),  # by somebody who is no admin
        ("rosa", "ada", "bea", "ada"),  # in another's name than the log says
    ],
)
def test_a_role_takes_two_admins(insider, company, account, asker, confirmer, teller):
    people = vars(company)
    pk = ask(insider, people[account], people[asker])
    before = roles(people[account])
    with pytest.raises(REFUSED):
        confirm(insider, pk, people[account], people[confirmer], people[teller])
    assert roles(people[account]) == before and Request.objects.get().state == "requested"
    confirm(insider, pk, people[account], company.cleo)
    assert roles(people[account]) == before | {"lead"}


def test_who_is_no_admin_asks_for_nothing(insider, company):
    with pytest.raises(psycopg.errors.RestrictViolation, match="an admin asks"):
        ask(insider, company.rosa, company.rosa)
    with pytest.raises(psycopg.errors.RestrictViolation, match="which admin asks"), insider.transaction():
        insider.execute(
            "INSERT INTO accounts_request (account_id, wanted, state, asked_at, answered_at) "
            f"VALUES ({company.rosa.pk}, 'admin', 'confirmed', now(), now())"
        )


@pytest.mark.parametrize(
    "change", ["wanted = 'admin'", "account_id = {otto}", "asked_by_id = {bea}", "asked_at = now()", "used_at = now()"]
)
def test_a_request_is_confirmed_as_it_was_asked(insider, company, change):
    pk = ask(insider, company.rosa, company.ada)
    with pytest.raises(REFUSED), insider.transaction():
        change = change.format(otto=company.otto.pk, bea=company.bea.pk)
        insider.execute(
            f"UPDATE accounts_request SET {change}, state = 'confirmed', answered_by_id = %s, answered_at = now() "
            "WHERE id = %s",
            [company.cleo.pk, pk],
        )
        say(insider, "account.role_granted", company.cleo, account=company.rosa.pk, account_request=pk)
    assert roles(company.rosa) == {"reviewer"}


@pytest.mark.parametrize("state", ["declined", "withdrawn", "requested"])
def test_what_was_answered_is_not_confirmed_later(insider, company, state):
    pk = ask(insider, company.rosa, company.ada)
    answerer = company.ada if state == "withdrawn" else company.bea
    confirm(insider, pk, company.rosa, answerer, state="confirmed" if state == "requested" else state)
    with insider.transaction():
        insider.execute("DELETE FROM auth_user_groups WHERE user_id = %s", [company.rosa.pk])
        say(insider, "account.role_taken", company.ada, account=company.rosa.pk)
    with pytest.raises(REFUSED):
        confirm(insider, pk, company.rosa, company.cleo, state="requested" if state == "requested" else "confirmed")
    assert roles(company.rosa) == set()


def test_another_process_knows_no_account(company, connect_as):
    for role in ("curator", "screener", "trainer", "evaluator", "beat", "sealer"):
        for statement in (
            "SELECT password FROM auth_user",
            "UPDATE auth_user SET is_superuser = true",
            "SELECT * FROM accounts_request",
            "SELECT key FROM accounts_attempt",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connect_as(role).execute(statement)
