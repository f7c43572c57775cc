"""Advisory locks of PostgreSQL, by name."""

from django.db import connection


def lock_until_commit(name: str) -> None:
    """Wait until no other transaction holds the lock of this name, and hold it to the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
