"""Puts a database back as it was after the migrations, seeds included, past triggers that forbid truncation.

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
    connection: BaseDatabaseWrapper
    tables: list[str]
    rows: dict[str, bytes]

    @classmethod
    def take(cls, connection: BaseDatabaseWrapper) -> "Snapshot":
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            tables = [row[0] for row in cursor.fetchall()]
            rows = {table: copied for table in tables if (copied := copy_out(cursor, table))}
        return cls(connection, tables, rows)

    def restore(self) -> None:
        alias = self.connection.alias  # a browser's event loop may have given this thread another connection since
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(f"TRUNCATE {', '.join(self.tables)}")
            for table, content in self.rows.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as stream:
                    stream.write(content)


def copy_out(cursor: Any, table: str) -> bytes:
    with cursor.copy(f"COPY {table} TO STDOUT") as stream:
        return b"".join(bytes(part) for part in stream)
