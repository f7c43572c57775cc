"""Runtime roles and their grants, from the table in `cftapp.access.roles` and each app's `grants.py`, and who
speaks for whom. Default: deny.

Runs as the owner after `migrate`, in one transaction a database, and can run again at any time: everything is revoked
and granted anew, so a grant that left the code leaves the database too.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from cftapp.access import roles
from cftapp.access.databases import VAULT, VAULT_APP
from cftapp.base.declared import declarations

LOCK = 0x6366_7461  # "cfta": two provisions at once would race for the same catalogue rows
PRIVILEGE = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|REFERENCES)(?:\s*\(([a-z0-9_,\s]+)\))?\s*(?:,\s*|$)")


class BadGrant(ValueError):
    """A grants.py names a role, table or privilege that does not exist."""


def provision(passwords: Mapping[str, str], aliases: list[str]) -> list[str]:
    """Create roles and grants in the databases `aliases`; returns one line a database for the operator.

    `passwords` maps every login (`cft_web`, ...) to its password.
    """
    return [provision_database(alias, passwords) for alias in aliases]


def provision_database(alias: str, passwords: Mapping[str, str]) -> str:
    tables, functions = declared_grants(alias)
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        for login in roles.all_logins():
            ensure_login(cursor, login, passwords[login])
        close_doors(cursor, alias)
        for login, grants in sorted(tables.items()):
            for table, privileges in sorted(grants.items()):
                grant_table(cursor, login, table, privileges)
        for login, signatures in sorted(functions.items()):
            for signature in signatures:
                cursor.execute(f'GRANT EXECUTE ON FUNCTION {signature} TO "{login}"')
        fill_tables(cursor, alias)
    count = sum(len(grants) for grants in tables.values())
    return f"{alias}: {len(roles.logins(alias))} roles may connect, {count} table grants"


def declared_grants(alias: str) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
    """Grants and functions by login, collected from the grants.py of every app that lives in the database."""
    tables: dict[str, dict[str, str]] = defaultdict(dict)
    functions: dict[str, list[str]] = defaultdict(list)
    for config, module in declarations("grants"):
        if (config.label == VAULT_APP) != (alias == VAULT):
            continue
        for role, grants in module.GRANTS.items():
            for login in logins_of(role, alias, module.__name__):
                for table, privileges in grants.items():
                    tables[login][table] = ", ".join(filter(None, [tables[login].get(table), privileges]))
        for role, signatures in getattr(module, "FUNCTIONS", {}).items():
            for login in logins_of(role, alias, module.__name__):
                functions[login] += signatures
    return tables, functions


def fill_tables(cursor: CursorWrapper, alias: str) -> None:
    """Write anew what apps declare as FILLED: tables of rules that the database reads and no role may change."""
    for config, module in declarations("grants"):
        if (config.label == VAULT_APP) != (alias == VAULT):
            continue
        for table, (columns, rows) in getattr(module, "FILLED", {}).items():
            cursor.execute(f'DELETE FROM "{table}"')
            places = ", ".join(["%s"] * len(columns))
            statement = f'INSERT INTO "{table}" ({quoted(", ".join(columns))}) VALUES ({places})'
            cursor.executemany(statement, list(rows()))


def logins_of(role: str, alias: str, module: str) -> list[str]:
    known = roles.logins(alias)
    if role == "all":
        return known
    if f"cft_{role}" not in known:
        choice = ", ".join(login.removeprefix("cft_") for login in known)
        raise BadGrant(f"{module} names the role {role!r}; the database {alias!r} knows: all, {choice}.")
    return [f"cft_{role}"]


def ensure_login(cursor: CursorWrapper, login: str, password: str) -> None:
    """Create or re-key a login that owns nothing and may nothing by itself."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login])
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    statement = sql.SQL(verb + " ROLE {} LOGIN NOINHERIT PASSWORD {}")
    cursor.execute(statement.format(sql.Identifier(login), sql.Literal(password)).as_string(None))


def close_doors(cursor: CursorWrapper, alias: str) -> None:
    """Revoke everything from everyone, then let the database's own roles connect and look up names."""
    cursor.execute("SELECT quote_ident(current_database())")
    database = cursor.fetchone()[0]
    everyone = ", ".join(["PUBLIC", *roles.all_logins()])
    allowed = ", ".join(roles.logins(alias))
    cursor.execute(f"REVOKE ALL ON DATABASE {database} FROM {everyone}")
    cursor.execute(f"GRANT CONNECT ON DATABASE {database} TO {allowed}")
    cursor.execute(f"REVOKE ALL ON SCHEMA public FROM {everyone}")
    cursor.execute(f"GRANT USAGE ON SCHEMA public TO {allowed}")
    for kind in ("TABLES", "SEQUENCES"):
        cursor.execute(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM {everyone}")
    for function in own_functions(cursor):
        cursor.execute(f"REVOKE ALL ON FUNCTION {function} FROM {everyone}")


def own_functions(cursor: CursorWrapper) -> list[str]:
    """Signatures of the functions that migrations made; those of extensions keep their grants."""
    cursor.execute(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'w')
          AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.deptype = 'e')
        """
    )
    return [row[0] for row in cursor.fetchall()]


def grant_table(cursor: CursorWrapper, login: str, table: str, privileges: str) -> None:
    cursor.execute(f'GRANT {checked(privileges, login, table)} ON TABLE "{table}" TO "{login}"')


def checked(privileges: str, login: str, table: str) -> str:
    """`privileges` in PostgreSQL's spelling; anything but known privileges with optional columns is refused."""
    parts, position = [], 0
    text = privileges.strip()
    while position < len(text):
        match = PRIVILEGE.match(text, position)
        if not match:
            raise BadGrant(f"{login} on {table}: cannot read {text[position:]!r}; write e.g. 'SELECT, UPDATE(state)'.")
        verb, columns = match.groups()
        parts.append(f"{verb} ({quoted(columns)})" if columns else verb)
        position = match.end()
    return ", ".join(parts)


def quoted(columns: str) -> str:
    """Column names as PostgreSQL takes them even where they are words of its own, such as `overlaps`."""
    return ", ".join(f'"{column.strip()}"' for column in columns.split(","))
