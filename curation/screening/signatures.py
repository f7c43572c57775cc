"""Finds the duplicates of corrections in PostgreSQL, by index: same hash, shared bands, neighbouring vectors.

Called by the screener in its transaction; only its role may read a signature. A case precedes another if it is accepted
and the other is not, or else if it came first; of two duplicates the preceding one is kept, as long as it may train.
What was found before about the cases of a batch does not count: they are decided anew, one after the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from curation.checks import duplicates
from curation.checks.duplicates import Duplicates, Match, Row
from curation.checks.lesson import compared_row
from curation.decontamination import normalise
from curation.decontamination.meaning.passages import text_to_embed
from curation.models import DIMENSIONS, Duplicate, Signature
from curation.screening import rescanning

if TYPE_CHECKING:
    from curation.checks.findings import Finding
    from curation.decontamination.engine.encoder import Encoder
    from curation.decontamination.overlap import Policy

VERSION = f"{normalise.VERSION}/{duplicates.VERSION}"
CANDIDATES = 20  # verified a row and method, the most alike first
MOST_SHARING = 20_000  # rows of one band that are looked at: a template that a million rows share stays bounded
Found = dict[int, list[tuple[int, float]]]
"""Case → other cases that precede it and may train, each with a number that says how alike."""

PRECEDES_AND_STAYS = """
    o.verdict IN ('', 'accepted') AND (o.verdict <> 'accepted', o.id) < (c.verdict <> 'accepted', c.id)
    AND NOT EXISTS (SELECT FROM curation_blocker b WHERE b.case_id = o.id AND b.blocking
                    AND NOT (b.check_name = 'duplicate' AND b.case_id = ANY(%(cases)s::bigint[]))
                    AND NOT curation_covered(b.case_id, b.check_name::text))
    AND NOT EXISTS (SELECT FROM curation_pair p WHERE p.correction_id = o.correction_id AND p.state = 'withdrawn')
"""
EXACT = f"""
    SELECT DISTINCT ON (c.id) c.id, o.id, 1.0 FROM curation_case c
    JOIN curation_case o ON o.text_hash = c.text_hash AND o.text_hash <> '' AND o.id <> c.id
    WHERE c.id = ANY(%(cases)s) AND {PRECEDES_AND_STAYS}
    ORDER BY c.id, o.verdict <> 'accepted', o.id
"""
# Seen from `o`: cases `c` behind it that nothing forbids to train, because they had their turn before it.
OVERTAKES = f"""
    c.state = 'open' AND NOT EXISTS (SELECT FROM curation_blocker f WHERE f.case_id = c.id AND f.blocking)
    AND {PRECEDES_AND_STAYS}
"""
NOTHING_BEFORE = """
    NOT EXISTS (SELECT FROM curation_duplicate d JOIN curation_case k ON k.id = d.kept_id
                WHERE d.case_id = c.id AND (k.verdict <> 'accepted', k.id) <= (o.verdict <> 'accepted', o.id))
"""
ALIKE = """
    SELECT {mine}.id, best.id, best.shared FROM curation_signature mine
    JOIN curation_case {mine} ON {mine}.id = mine.case_id
    CROSS JOIN LATERAL (
        SELECT {other}.id, alike.shared FROM (
            SELECT s.case_id, (SELECT count(*) FROM unnest(s.bands) AS k WHERE k = ANY(mine.bands)) AS shared
            FROM curation_signature s WHERE s.bands && mine.bands AND s.case_id <> mine.case_id
            OFFSET 0 -- by the bands' index first, whatever the planner thinks of the joins
        ) AS alike
        JOIN curation_case {other} ON {other}.id = alike.case_id
        WHERE alike.shared >= %(least)s AND {condition}
        ORDER BY alike.shared DESC, {other}.id LIMIT %(most)s
    ) AS best
    WHERE mine.case_id = ANY(%(cases)s)
"""
SHARING = ALIKE.format(mine="c", other="o", condition=PRECEDES_AND_STAYS)
SHARING_BEHIND = ALIKE.format(mine="o", other="c", condition=OVERTAKES)
NEAR_BY = """
    SELECT {mine}.id, {other}.id, near.cosine FROM curation_signature mine
    JOIN curation_case {mine} ON {mine}.id = mine.case_id
    CROSS JOIN LATERAL (
        SELECT s.case_id, 1 - (s.vector <=> mine.vector) AS cosine FROM curation_signature s
        WHERE s.encoder = mine.encoder AND s.case_id <> mine.case_id
        ORDER BY s.vector <=> mine.vector LIMIT %(most)s
    ) AS near
    JOIN curation_case {other} ON {other}.id = near.case_id
    WHERE mine.case_id = ANY(%(cases)s) AND mine.vector IS NOT NULL AND mine.encoder = %(encoder)s
      AND near.cosine >= %(least)s AND {condition}
"""
NEIGHBOURS = NEAR_BY.format(mine="c", other="o", condition=PRECEDES_AND_STAYS)
NEIGHBOURS_BEHIND = NEAR_BY.format(mine="o", other="c", condition=f"{OVERTAKES} AND {NOTHING_BEFORE}")
OTHER_ANSWERS = """
    SELECT c.id, others.id FROM curation_signature mine
    JOIN curation_case c ON c.id = mine.case_id
    CROSS JOIN LATERAL (
        SELECT o.id FROM (
            SELECT s.case_id FROM curation_signature s
            WHERE s.question = mine.question AND s.version = mine.version AND s.case_id <> mine.case_id OFFSET 0
        ) AS asked
        JOIN curation_case o ON o.id = asked.case_id
        JOIN curation_pair p ON p.correction_id = o.correction_id AND p.state = 'accepted'
        WHERE o.text_hash <> c.text_hash
        ORDER BY o.id LIMIT 5
    ) AS others
    WHERE mine.case_id = ANY(%(cases)s)
"""
FREED = f"""
    SELECT c.id FROM curation_duplicate d
    JOIN curation_case c ON c.id = d.case_id JOIN curation_case o ON o.id = d.kept_id
    WHERE (c.state = 'open' OR c.verdict = 'accepted') AND NOT ({PRECEDES_AND_STAYS})
    ORDER BY c.id LIMIT %(most)s
"""
UNSIGNED = """
    SELECT c.id FROM curation_case c LEFT JOIN curation_signature s ON s.case_id = c.id
    WHERE c.id > %(after)s AND c.correction_id IS NOT NULL AND (c.state = 'open' OR c.verdict = 'accepted')
      AND (s.case_id IS NULL OR s.version <> %(version)s OR (%(encoder)s <> '' AND s.encoder <> %(encoder)s))
    ORDER BY c.id LIMIT %(most)s
"""


def configured_encoder() -> "Encoder | None":
    """The embedding model that CFT_EMBEDDING_MODEL names, or None: off, or its vectors do not fit the table."""
    if settings.CFT_EMBEDDING_MODEL == "off":
        return None
    from curation.decontamination.engine.encoder import Encoder

    encoder = Encoder.default(settings.CFT_EMBEDDING_MODEL)
    return encoder if encoder is not None and encoder.dimensions == DIMENSIONS else None


def label_of(encoder: "Encoder | None") -> str:
    return f"{encoder.name}@{encoder.revision}"[:120] if encoder else ""


def sign(rows: Mapping[int, Row], encoder: "Encoder | None") -> int:
    """Store the signatures that are missing or of another version or model; returns how many."""
    current = Signature.objects.filter(case__in=rows, version=VERSION)
    if encoder:
        current = current.filter(encoder=label_of(encoder))
    signed = set(current.values_list("case_id", flat=True))
    fresh = {case: row for case, row in rows.items() if case not in signed}
    if not fresh:
        return 0
    texts = [text_to_embed(row.prompt, row.answer) for row in fresh.values()]
    vectors: Iterable[Any] = encoder.encode(texts) if encoder else [None] * len(texts)
    label = label_of(encoder)
    made = [
        Signature(case_id=case, version=VERSION, question=row.question, bands=bands, vector=vector, encoder=label)
        for (case, row), bands, vector in zip(
            fresh.items(), duplicates.band_keys(list(fresh.values())), vectors, strict=True
        )
    ]
    Signature.objects.bulk_create(
        made,
        update_conflicts=True,
        unique_fields=["case"],
        update_fields=["version", "question", "bands", "vector", "encoder"],
        batch_size=500,
    )
    return len(made)


def duplicates_of(rows: Mapping[int, Row], policy: "Policy", encoder: "Encoder | None") -> dict[int, Duplicates]:
    """For every case of `rows` (signed, preceding ones first): what else there is like it. A few queries for all."""
    cases = list(rows)
    bound_searches()
    exact = asked(EXACT, cases=cases)
    sharing = asked(SHARING, cases=cases, least=duplicates.SHARED_LEAST, most=CANDIDATES)
    nearby = neighbours(cases, policy.semantic_duplicate_limit, encoder)
    texts = texts_of({other for like in (sharing, nearby) for others in like.values() for other, _ in others})
    answers = other_answers(cases)
    by_case: dict[int, Duplicates] = {}
    gone: set[int] = set()
    for case, row in rows.items():
        left = [without(these.get(case, []), gone) for these in (exact, {} if row.is_long else sharing, nearby)]
        best = verified(row, left[0], left[1], left[2], texts, policy)
        kept = next((match for match in best if not match.difference), None)
        close = next((match for match in best if match.difference), None) if kept is None else None
        others = tuple(other for other in answers.get(case, ()) if kept is None or other != kept.case)
        methods = 1 if row.is_long else 3 if encoder else 2
        by_case[case] = Duplicates(kept, close, others, duplicates.METHODS[:methods])
        if kept is not None and kept.method in duplicates.BLOCKING:
            gone.add(case)
    return by_case


def overtaking(cases: Sequence[int], policy: "Policy", encoder: "Encoder | None") -> set[int]:
    """Open cases behind these (signed, and free to train) that were screened before them and are like one of them.

    Screened again they find it. That settles it: then they are duplicates, and a case is overtaken by later ones only.
    """
    bound_searches()
    sharing = turned(asked(SHARING_BEHIND, cases=list(cases), least=duplicates.SHARED_LEAST, most=CANDIDATES))
    nearby = turned(neighbours(cases, policy.semantic_duplicate_limit, encoder, NEIGHBOURS_BEHIND))
    behind = sharing.keys() | nearby.keys()
    texts = texts_of(behind.union(case for like in (sharing, nearby) for pairs in like.values() for case, _ in pairs))
    overtaken = set()
    for other in behind:
        shared = [] if texts[other].is_long else sharing.get(other, [])
        matches = verified(texts[other], [], shared, nearby.get(other, []), texts, policy)
        if any(not match.difference for match in matches):
            overtaken.add(other)
    return overtaken


def turned(sharing: Found) -> Found:
    """By the other case."""
    by_other: Found = defaultdict(list)
    for case, others in sharing.items():
        for other, number in others:
            by_other[other].append((case, number))
    return by_other


Candidates = Sequence[tuple[int, float]]


def without(candidates: Candidates, gone: set[int]) -> Candidates:
    return [candidate for candidate in candidates if candidate[0] not in gone]


def verified(
    row: Row, exact: Candidates, sharing: Candidates, nearby: Candidates, texts: Mapping[int, Row], policy: "Policy"
) -> list[Match]:
    """Matches at or above their limit: equal before nearly equal before equal in meaning, those that differ last."""
    candidates = [Match(case, "exact", 1.0, 1.0) for case, _ in exact]
    for case, _ in sharing if not candidates else ():
        alike = duplicates.near(row, texts[case], policy.duplicate_limit)
        candidates.append(Match(case, "near", alike.score, policy.duplicate_limit, alike.difference))
    same = any(match.score >= match.limit and not match.difference for match in candidates)
    for case, cosine in nearby if not same else ():
        alike = duplicates.semantic(row, texts[case], cosine, policy.semantic_duplicate_limit)
        candidates.append(Match(case, "semantic", alike.score, policy.semantic_duplicate_limit, alike.difference))
    reached = [match for match in candidates if match.score >= match.limit]
    return sorted(reached, key=lambda match: (bool(match.difference), match.method, match.case))


def asked(query: str, **values: Any) -> Found:
    """Rows of (case, other case, number), by case."""
    matches: Found = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        for case, other, number in cursor.fetchall():
            matches[case].append((other, float(number)))
    return matches


def bound_searches() -> None:
    """For this transaction: how much of an index a look-up reads at most, and that it reads on past other models."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('gin_fuzzy_search_limit', %s, true), set_config('hnsw.ef_search', '64', true),"
            " set_config('hnsw.iterative_scan', 'strict_order', true)",
            [str(MOST_SHARING)],
        )


def neighbours(cases: Sequence[int], least: float, encoder: "Encoder | None", query: str = NEIGHBOURS) -> Found:
    """Cases whose vector has at least this cosine, the nearest first. Nothing without an encoder."""
    if encoder is None:
        return {}
    return asked(query, cases=list(cases), encoder=label_of(encoder), least=least, most=CANDIDATES)


def other_answers(cases: Sequence[int]) -> dict[int, list[int]]:
    matches: dict[int, list[int]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(OTHER_ANSWERS, {"cases": list(cases)})
        for case, other in cursor.fetchall():
            matches[case].append(other)
    return matches


def texts_of(cases: Iterable[int]) -> dict[int, Row]:
    return {pk: compared_row(lesson) for pk, lesson in rescanning.lessons_of(set(cases)).items()}


def freed(limit: int) -> list[int]:
    """Open and accepted cases whose kept duplicate does not come before them any more, or may not train."""
    with connection.cursor() as cursor:
        cursor.execute(FREED, {"cases": [], "most": limit})
        return [case for (case,) in cursor.fetchall()]


def unsigned(after: int, limit: int, encoder: "Encoder | None") -> list[int]:
    """Open and accepted corrections behind `after` without a current signature."""
    with connection.cursor() as cursor:
        cursor.execute(UNSIGNED, {"after": after, "version": VERSION, "encoder": label_of(encoder), "most": limit})
        return [case for (case,) in cursor.fetchall()]


def keep_found(findings_of: "Mapping[int, Sequence[Finding]]") -> None:
    """Replace what is recorded of these cases' duplicates by what their findings say."""
    Duplicate.objects.filter(case__in=findings_of).delete()
    Duplicate.objects.bulk_create(
        Duplicate(
            case_id=case,
            kept_id=finding.evidence["case"],
            method=finding.evidence["method"],
            score=finding.score or 0.0,
            limit=finding.limit or 0.0,
        )
        for case, findings in findings_of.items()
        for finding in findings
        if finding.check == "duplicate" and "case" in finding.evidence
    )
