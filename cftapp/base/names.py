"""What people call the rows that the log numbers: accounts, questions, titles. Plain SQL, so that every app may ask.

A question is shown to whom its own page would show it: that of a pair to every role, any other to those who may read
feedback. Held-out text cannot appear: it is in no table of this database.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

SHOWN = 90

ACTORS = """
SELECT 'user:' || id, username FROM auth_user
UNION ALL
SELECT 'source:' || id, name FROM feedback_source
"""

# Each part is a look-up of at most a page of ids by primary key or unique index.
ENTITIES = """
SELECT 'pair', id::text, prompt FROM curation_pair WHERE id = ANY (%(pair)s::uuid[])
UNION ALL
SELECT 'interaction', i.id::text, coalesce(p.prompt, CASE WHEN %(reads)s THEN i.prompt END)
FROM feedback_interaction i LEFT JOIN feedback_correction c ON c.interaction_id = i.id
LEFT JOIN curation_pair p ON p.correction_id = c.id WHERE i.id = ANY (%(interaction)s::uuid[])
UNION ALL
SELECT 'correction', c.id::text, coalesce(p.prompt, CASE WHEN %(reads)s THEN i.prompt END)
FROM feedback_correction c JOIN feedback_interaction i ON i.id = c.interaction_id
LEFT JOIN curation_pair p ON p.correction_id = c.id WHERE c.id = ANY (%(correction)s::uuid[])
UNION ALL
SELECT 'case', k.id::text, coalesce(p.prompt, CASE WHEN %(reads)s THEN i.prompt END)
FROM curation_case k JOIN feedback_correction c ON c.id = k.correction_id
JOIN feedback_interaction i ON i.id = c.interaction_id
LEFT JOIN curation_pair p ON p.correction_id = c.id WHERE k.id = ANY (%(case)s::bigint[])
UNION ALL
SELECT 'subject', id::text, 's-' || left(key_hash, 8) FROM feedback_subject WHERE id = ANY (%(subject)s::uuid[])
UNION ALL
SELECT 'source', id::text, name FROM feedback_source WHERE id = ANY (%(source)s::bigint[])
UNION ALL
SELECT 'dataset', id::text, name FROM curation_dataset WHERE id = ANY (%(dataset)s::bigint[])
UNION ALL
SELECT 'benchmark_version', v.id::text, b.title || ' v' || v.number
FROM evaluation_benchmarkversion v JOIN evaluation_benchmark b ON b.id = v.benchmark_id
WHERE v.id = ANY (%(benchmark_version)s::bigint[])
UNION ALL
SELECT 'release', id::text, 'v' || number FROM serving_release WHERE id = ANY (%(release)s::bigint[])
"""
BY_UUID = ("pair", "interaction", "correction", "subject")
BY_NUMBER = ("case", "source", "dataset", "benchmark_version", "release")


def actors() -> dict[str, str]:
    """Every account and source by the name under which the log knows it: 'user:7' → 'reviewer'. One query."""
    with connection.cursor() as cursor:
        cursor.execute(ACTORS)
        return dict(cursor.fetchall())


def entities(wanted: Iterable[tuple[str, str]], *, reads: bool) -> dict[tuple[str, str], str]:
    """Names of (kind, id), where there is one to show; `reads`: whether this person may read feedback. One query."""
    ids: dict[str, list[str]] = {kind: [] for kind in (*BY_UUID, *BY_NUMBER)}
    for kind, object_id in wanted:
        if kind in ids and (is_uuid(object_id) if kind in BY_UUID else is_number(object_id)):
            ids[kind].append(object_id)
    with connection.cursor() as cursor:
        cursor.execute(ENTITIES, {**ids, "reads": reads})
        return {(kind, object_id): shortened(name) for kind, object_id, name in cursor.fetchall() if name}


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
