"""PostgreSQL itself refuses what a process role may not do."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from cftapp.access.provision import BadGrant, checked


def test_the_trainer_cannot_connect_to_the_vault(connect_as):
    with pytest.raises(psycopg.OperationalError, match='permission denied for database "vault"'):
        connect_as("trainer", "vault")


@pytest.mark.parametrize("role", ["curator", "trainer", "beat", "sealer"])
def test_only_roles_of_the_table_connect_to_the_vault(connect_as, role):
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        connect_as(role, "vault")


def test_a_runtime_role_owns_nothing_and_makes_nothing(connect_as):
    connection = connect_as("web")
    with pytest.raises(InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (id int)")
    owned = connection.execute("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) LIKE 'cft\\_web'")
    assert owned.fetchone() == (0,)


def test_the_trainer_reads_no_accounts(connect_as):
    with pytest.raises(InsufficientPrivilege):
        connect_as("trainer").execute("SELECT password FROM auth_user")


def test_grants_keep_their_columns():
    expected = 'SELECT, UPDATE ("state", "note"), INSERT'
    assert checked("SELECT, UPDATE(state, note), INSERT", "cft_web", "t") == expected


@pytest.mark.parametrize("text", ["ALL", "SELECT; DROP TABLE x", "UPDATE(state) TO PUBLIC", "SELECT UPDATE"])
def test_grants_refuse_what_they_do_not_know(text):
    with pytest.raises(BadGrant, match="cannot read"):
        checked(text, "cft_web", "feedback_source")
