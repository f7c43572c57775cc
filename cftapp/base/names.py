"""What people call the rows that the log numbers: accounts, questions, titles.

An app declares in `<app>/names.py`, each part a look-up by primary key or unique index:

    ACTORS = "SELECT 'source:' || id, name FROM feedback_source"
    BY_UUID = {"pair": "SELECT id, prompt FROM curation_pair WHERE id = ANY (%(pair)s::uuid[])"}
    BY_NUMBER = {"dataset": "SELECT id, name FROM curation_dataset WHERE id = ANY (%(dataset)s::bigint[])"}

It names its own tables, and those of apps above it. Where two apps name the same row, the one further down the
pipeline has the last word: feedback shows a question to those who may read feedback (`%(reads)s`), and curation shows
it to everybody once it is that of a pair. Held-out text cannot appear: it is in no table of this database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.db import connection

from cftapp.base.declared import declarations

SHOWN = 90


@dataclass(frozen=True)
class LookUps:
    """The statement made of all apps' parts, and which kinds of ids it takes."""

    statement: str
    by_uuid: frozenset[str]
    by_number: frozenset[str]

    def takes(self, kind: str, object_id: str) -> bool:
        """Whether the kind has names, and the id is one of its ids."""
        return kind in self.by_uuid and is_uuid(object_id) or kind in self.by_number and is_number(object_id)


def actors() -> dict[str, str]:
    """Every account and source by the name under which the log knows it: 'user:7' → 'reviewer'. One query."""
    with connection.cursor() as cursor:
        cursor.execute(actors_statement())
        return dict(cursor.fetchall())


def entities(wanted: Iterable[tuple[str, str]], *, reads: bool) -> dict[tuple[str, str], str]:
    """Names of (kind, id), where there is one to show; `reads`: whether this person may read feedback. One query."""
    every = look_ups()
    ids: dict[str, list[str]] = {kind: [] for kind in every.by_uuid | every.by_number}
    for kind, object_id in wanted:
        if every.takes(kind, object_id):
            ids[kind].append(object_id)
    with connection.cursor() as cursor:
        cursor.execute(every.statement, {**ids, "reads": reads})
        names = {(kind, object_id): name for _, kind, object_id, name in cursor.fetchall()}
    return {entity: shortened(name) for entity, name in names.items() if name}


@cache
def actors_statement() -> str:
    parts = [names.ACTORS for _, names in declarations("names") if hasattr(names, "ACTORS")]
    return " UNION ALL ".join(parts)


@cache
def look_ups() -> LookUps:
    """All apps' look-ups as one statement, in the order of the pipeline."""
    parts: list[tuple[str, str]] = []
    by_uuid: set[str] = set()
    by_number: set[str] = set()
    for _, names in declarations("names"):
        uuids, numbers = getattr(names, "BY_UUID", {}), getattr(names, "BY_NUMBER", {})
        parts += [*uuids.items(), *numbers.items()]
        by_uuid |= uuids.keys()
        by_number |= numbers.keys()
    selects = [
        f"SELECT {place} AS place, '{kind}', named.id::text, named.name FROM ({part}) AS named (id, name)"
        for place, (kind, part) in enumerate(parts)
    ]
    return LookUps(" UNION ALL ".join(selects) + " ORDER BY place", frozenset(by_uuid), frozenset(by_number))


def shortened(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1].rstrip()}…"


def is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
