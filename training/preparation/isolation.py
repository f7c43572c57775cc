"""Invariant 2, tried out: a run asks PostgreSQL for the vault with its own login and must be refused."""

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo


class NotIsolated(Exception):
    """This process can open the vault, or nobody can tell whether it could: nothing may be trained here."""


def vault_refusal(vault: str) -> str:
    """PostgreSQL's words when this process' own login tried to connect to the database `vault`.

    Raises NotIsolated when it was let in, and when there is no such database: a wrong name proves nothing.
    """
    connection.ensure_connection()
    own = connection.connection.info
    address = make_conninfo(own.dsn, dbname=vault, password=own.password, connect_timeout=10)
    try:
        with psycopg.connect(address, autocommit=True):
            pass
    except psycopg.OperationalError as refused:
        return judged(str(refused), vault)
    raise NotIsolated(f"PostgreSQL let the login {own.user} into the vault {vault!r}.")


def judged(words: str, vault: str) -> str:
    """The refusal on one line. Raises NotIsolated for an answer that is no refusal."""
    line = next((line for line in words.splitlines() if "FATAL" in line), words.strip())
    if "FATAL" not in line or "does not exist" in line:
        raise NotIsolated(f"PostgreSQL was asked for the vault {vault!r} and answered: {line}.")
    return line.partition("FATAL:")[2].strip()
