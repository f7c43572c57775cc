"""All that a role can read: tables and views by its own grants, what its functions answer, and its environment."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg import sql

READABLE = """
SELECT n.nspname, c.relname, array_agg(a.attname ORDER BY a.attnum)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
  AND (n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
       OR c.relname ~ '^pg_(stat|largeobject|settings|shadow|authid|prepared|cursors|file|seclabel|locks)')
GROUP BY 1, 2 ORDER BY 1, 2
"""
CALLABLE = """
SELECT p.proname, ARRAY(SELECT t::regtype::text FROM unnest(p.proargtypes::oid[]) AS t), p.provolatile::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'public' AND has_function_privilege(p.oid, 'EXECUTE') AND p.prorettype <> 'trigger'::regtype
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""


def tables(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Columns that the role may select, by table or view."""
    return {f"{schema}.{name}": columns for schema, name, columns in connection.execute(READABLE).fetchall()}


def functions(connection: psycopg.Connection) -> list[tuple[str, list[str]]]:
    """The application's functions that the role may execute, with the types of their arguments."""
    return [(name, types) for name, types, _ in connection.execute(CALLABLE).fetchall()]


def dump(connection: psycopg.Connection) -> Iterator[bytes]:
    """Every value of every column that can be read, and what every function answers to values found there."""
    ids: list[Any] = []
    for name, columns in tables(connection).items():
        chosen = sql.SQL(", ").join(map(sql.Identifier, columns))
        try:
            rows = connection.execute(
                sql.SQL("SELECT {} FROM {}").format(chosen, sql.Identifier(*name.split(".")))
            ).fetchall()
        except psycopg.Error:  # a view over what it may not read
            continue
        for row in rows:
            ids += [value for value in row if type(value).__name__ == "UUID"][:1]
            yield from map(as_bytes, row)
    yield from answers(connection, ids[:: max(1, len(ids) // 20)])


def answers(connection: psycopg.Connection, ids: list[Any]) -> Iterator[bytes]:
    """Each function, called with nothing and with ids that were found; nothing that it changes stays."""
    for name, types in functions(connection):
        for known in [None, *ids]:
            given = [known if kind == "uuid" else None for kind in types]
            holes = sql.SQL(", ").join(sql.SQL(f"%s::{kind}") for kind in types)
            try:
                with connection.transaction(force_rollback=True):
                    rows = connection.execute(
                        sql.SQL("SELECT * FROM {}({})").format(sql.Identifier(name), holes), given
                    ).fetchall()
            except psycopg.Error:
                continue
            for row in rows:
                yield from map(as_bytes, row)


def as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
    return str(value).encode("utf-8", "surrogatepass")


def databases(role: str, connect_as: Callable[..., psycopg.Connection]) -> Iterator[psycopg.Connection]:
    """The databases that let the role in; the vault turns most of them away."""
    for database in ("default", "vault"):
        try:
            yield connect_as(role, database)
        except psycopg.OperationalError as refused:
            assert database == "vault" and "permission denied" in str(refused)
