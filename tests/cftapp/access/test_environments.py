"""A process is given what its role may hold, and nothing else of what the owner knows."""

import pytest

from cftapp.access.roles import ROLES, SECRETS, all_logins, environment_for, password_variable, url_for

OWNER = {
    "DATABASE_URL": "postgresql://cft_owner:hunter2@/cft?host=/run/pg",
    "VAULT_DATABASE_URL": "postgresql://cft_owner:hunter2@/vault?host=/run/pg",
    "REDIS_URL": "unix:///run/redis.sock",
    "CFT_VAR": "/var/lib/cftapp",
    "AWS_SECRET_ACCESS_KEY": "not ours",
    **{name: f"secret {name}" for name in SECRETS},
    **{password_variable(login): f"password of {login}" for login in all_logins()},
}


@pytest.mark.parametrize("name", ["curator", "trainer", "beat", "sealer", "modelserver"])
def test_no_vault_for_those_who_do_not_examine(name):
    given = environment_for(name, OWNER)
    assert "VAULT_DATABASE_URL" not in given
    assert "CFT_REGISTRY_KEY" not in given


def test_the_model_server_holds_nothing():
    given = environment_for("modelserver", OWNER)
    assert given == {"CFT_VAR": "/var/lib/cftapp", "CFT_ROLE": "modelserver", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize("name", ROLES)
def test_nobody_gets_the_owner_s_login_or_a_stranger_s_secret(name):
    text = repr(environment_for(name, OWNER))
    assert "hunter2" not in text and "not ours" not in text


@pytest.mark.parametrize("key", sorted(SECRETS))
def test_a_key_is_held_by_the_roles_of_the_table_only(key):
    holders = {name for name in ROLES if key in environment_for(name, OWNER)}
    expected = {
        "CFT_SECRET_KEY": {"web"},
        "CFT_SUBJECT_KEY": {"web"},
        "CFT_REGISTRY_KEY": {"screener", "evaluator"},
        "CFT_SIGNING_KEY_FILE": {"sealer"},
    }
    assert holders == expected[key]


def test_a_login_replaces_the_owner_on_a_socket_and_on_a_port():
    socket = url_for(OWNER["DATABASE_URL"], "cft_web", "p@ss/word")
    assert socket == "postgresql://cft_web:p%40ss%2Fword@/cft?host=/run/pg"
    assert url_for("postgres://o:p@db:5432/cft", "cft_web", "x") == "postgres://cft_web:x@db:5432/cft"
