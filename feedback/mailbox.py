"""Posting held-out text to the vault's mailbox table. A slot in the vault's door: text goes in, nothing comes out.

The web process's vault role may INSERT into this one table and read nothing, so this is plain SQL: no RETURNING, and
ON CONFLICT without a target, which needs no SELECT. `object_id` is unique in the vault: posting twice leaves one
entry. Post here first, write the stub in the default database second: an entry without its stub (a crash in between)
is completed when the request is repeated, under the same id.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils.connection import ConnectionDoesNotExist
from psycopg.types.json import Jsonb

from cftapp.base.refusal import Unreachable

VAULT = "vault"
INSERT = """
INSERT INTO vault_mailboxentry (kind, object_id, interaction_id, subject_id, content, received_at)
VALUES (%s, %s, %s, %s, %s, statement_timestamp()) ON CONFLICT DO NOTHING
"""


class MailboxClosed(Unreachable):
    """The vault cannot be reached. Nothing was written; the same post may be repeated."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A held-out interaction, or feedback on it; `content` holds the text."""

    kind: str
    object_id: uuid.UUID
    interaction_id: uuid.UUID | None
    subject_id: uuid.UUID | None
    content: dict[str, Any]


def post(
    kind: str,
    object_id: uuid.UUID,
    *,
    interaction_id: uuid.UUID | None = None,
    subject_id: uuid.UUID | None = None,
    content: dict[str, Any],
) -> None:
    """Post an entry to the vault, for good, whatever becomes of the caller's transaction. MailboxClosed on failure."""
    post_all([Entry(kind, object_id, interaction_id, subject_id, content)])


def post_all(entries: Sequence[Entry]) -> None:
    """Post entries to the vault, all or none. MailboxClosed while it cannot be reached."""
    rows: list[tuple[Any, ...]] = [
        (entry.kind, entry.object_id, entry.interaction_id, entry.subject_id, Jsonb(entry.content)) for entry in entries
    ]
    if not rows:
        return
    try:
        with transaction.atomic(using=VAULT), connections[VAULT].cursor() as cursor:
            cursor.executemany(INSERT, rows)
    except (OperationalError, InterfaceError, ConnectionDoesNotExist) as problem:
        raise MailboxClosed("The vault's mailbox cannot be reached.") from problem
