"""Puts a database back as it was after the migrations, seeds included, past triggers that forbid it.

Only the owner of a test cluster may do this: it needs SET on `session_replication_role`.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = """SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname"""


@dataclass
class Snapshot:
    """`rows` has the seeds, as COPY writes them, and `sums` their hashes; every other table of `tables` was empty."""

    connection: BaseDatabaseWrapper
    tables: list[str]
    rows: dict[str, bytes]
    sums: dict[str, str]

    @classmethod
    def take(cls, connection: BaseDatabaseWrapper) -> "Snapshot":
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            tables = [row[0] for row in cursor.fetchall()]
            rows = {table: copied for table in tables if (copied := copy_out(cursor, table))}
            return cls(connection, tables, rows, hashes(cursor, rows))

    def restore(self) -> None:
        """Empty what was filled and write again what was changed: most tests leave most tables alone."""
        alias = self.connection.alias  # a browser's event loop may have given this thread another connection since
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table in self.filled(cursor):
                cursor.execute(f"DELETE FROM {table}")
            now = hashes(cursor, self.rows)
            for table in (table for table in self.rows if now[table] != self.sums[table]):
                cursor.execute(f"DELETE FROM {table}")
                with cursor.copy(f"COPY {table} FROM STDIN") as stream:
                    stream.write(self.rows[table])

    def filled(self, cursor: Any) -> list[str]:
        """Tables that were empty and are not."""
        empty = [table for table in self.tables if table not in self.rows]
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in empty))
        return [row[0] for row in cursor.fetchall()]


def hashes(cursor: Any, tables: Any) -> dict[str, str]:
    """A hash of all rows of each table."""
    whole = "md5(coalesce(string_agg(r::text, E'\\n' ORDER BY r::text COLLATE \"C\"), ''))"
    cursor.execute(" UNION ALL ".join(f"SELECT '{table}', {whole} FROM {table} r" for table in tables))
    return dict(cursor.fetchall())


def copy_out(cursor: Any, table: str) -> bytes:
    with cursor.copy(f"COPY {table} TO STDOUT") as stream:
        return b"".join(bytes(part) for part in stream)
