"""The reverse check: items that may be published, compared with every stored row before they are accepted.

Rows are corrections that could train (their pairs hold the same words) and replay rows. They are read by id, a few
thousand at a time, columns only; how far the scan got is in the check's row, so a scan that was killed goes on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.db.models import F, Q
from django.utils import timezone

from curation.checks.lesson import Lesson
from curation.decontamination.overlap import Policy
from curation.models import Case, DatasetRow, RegistryEpoch, ReplayRow, ReverseCheck, ReverseMatch
from curation.screening import comparing
from curation.screening.rescanning import LESSON, TRAINS

if TYPE_CHECKING:
    from curation.decontamination.overlap import Overlap
    from curation.decontamination.registry import Registry

ROWS_AT_ONCE, CHARACTERS_AT_ONCE = 200, 20_000_000
COULD_TRAIN = Q(state=Case.State.WAITING) | TRAINS


def has_rows() -> bool:
    """Whether there is anything to compare items with."""
    return Case.objects.filter(correction__isnull=False).exists() or ReplayRow.objects.exists()


class NoOffer(LookupError):
    """The items of a check are not in the vault any more, or are not those that it names."""


def open_offer(check: ReverseCheck) -> "Registry":
    """The registry of the items on offer, under the policy in force. Raises NoOffer.

    Only screener, evaluator and owner can read it.
    """
    from curation.decontamination.registry import Registry

    with connections["vault"].cursor() as cursor:
        cursor.execute("SELECT content FROM vault_offer WHERE id = %s", [check.pk])
        row = cursor.fetchone()
    content = bytes(row[0]) if row else b""
    if hashlib.sha256(content).hexdigest() != check.sha256:
        raise NoOffer(f"The items of check {check.pk} are not on offer any more.")
    registry = Registry.from_bytes(content, settings.CFT_REGISTRY_KEY or b"")
    epoch = RegistryEpoch.objects.select_related("policy").current()
    if epoch is None or epoch.policy is None:
        return registry
    return registry.with_policy(Policy.of(epoch.policy.values), epoch.policy.version)


def lock(check_id: UUID) -> ReverseCheck | None:
    """An unfinished check, locked; None where there is none, or another worker is at it."""
    unfinished = ReverseCheck.objects.filter(pk=check_id, state=ReverseCheck.State.ASKED)
    return unfinished.select_for_update(skip_locked=True).first()


def scan(check: ReverseCheck, registry: "Registry", limit: int) -> int:
    """Compare the next rows and keep where the scan is; returns how many there were, 0 at the end."""
    cases = next_cases(check, limit)
    if cases:
        overlaps = comparing.stored(cases, registry, spans=False)
        keep(check, "case", blocked(overlaps), last_case=max(cases))
        return advance(check, len(cases), of_a_template(overlaps))
    rows = next_replay_rows(check, limit)
    if not rows:
        return advance(check, 0)
    overlaps = comparing.fresh(rows, registry, spans=False)
    keep(check, "replay_row", blocked(overlaps), last_replay_row=max(rows))
    return advance(check, len(rows), of_a_template(overlaps))


def next_cases(check: ReverseCheck, limit: int) -> dict[int, Lesson]:
    cases: Any = Case.objects.filter(COULD_TRAIN, correction__isnull=False, pk__gt=check.last_case)
    if check.within is not None:
        known = check.within.matches.filter(case__isnull=False).values("case")
        cases = cases.filter(Q(pk__in=known) | Q(pk__gt=check.within.last_case))
    return next_lessons(cases.order_by("pk").values_list("pk", *LESSON)[:limit])


def next_replay_rows(check: ReverseCheck, limit: int) -> dict[int, Lesson]:
    rows = ReplayRow.objects.filter(pk__gt=check.last_replay_row)
    if check.within is not None:
        known = check.within.matches.filter(replay_row__isnull=False).values("replay_row")
        rows = rows.filter(Q(pk__in=known) | Q(pk__gt=check.within.last_replay_row))
    texts = ("prompt", "answer", "conversation", "answer_message")
    return next_lessons(rows.order_by("pk").values_list("pk", *texts)[:limit])


def next_lessons(rows: Any) -> dict[int, Lesson]:
    """The first rows of a query, and not many more characters than may be held at once."""
    lessons: dict[int, Lesson] = {}
    characters = 0
    for pk, *texts in rows.iterator(chunk_size=ROWS_AT_ONCE):
        lessons[pk] = Lesson(*texts)
        characters += sum(map(len, texts))
        if characters >= CHARACTERS_AT_ONCE:
            break
    return lessons


def blocked(overlaps: Mapping[int, "Overlap"]) -> dict[int, "Overlap"]:
    """Row → the item that it overlaps with most, where there is one."""
    return {pk: overlap for pk, overlap in overlaps.items() if overlap.blocked}


def of_a_template(overlaps: Mapping[int, "Overlap"]) -> int:
    """How many rows have the wording of an item and other numbers, and are not blocked for it."""
    return sum(not overlap.blocked and overlap.template is not None for overlap in overlaps.values())


def keep(check: ReverseCheck, kind: str, overlaps: Mapping[int, "Overlap"], **reached: int) -> None:
    """Store the matches and how far the scan got."""
    frozen_rows = frozen(kind, list(overlaps)) if overlaps else set()
    ReverseMatch.objects.bulk_create(
        ReverseMatch(
            check_run=check,
            **{f"{kind}_id": pk},
            item=int(overlap.item_id),
            method=overlap.method,
            score=overlap.score,
            frozen=pk in frozen_rows,
        )
        for pk, overlap in overlaps.items()
    )
    for name, value in reached.items():
        setattr(check, name, value)


def frozen(kind: str, ids: Sequence[int]) -> set[Any]:
    """Which of these cases or replay rows a dataset holds."""
    path = "pair__correction__case" if kind == "case" else "replay_row"
    return set(DatasetRow.objects.filter(**{f"{path}__in": ids}).order_by().values_list(path, flat=True))


def advance(check: ReverseCheck, rows: int, same_template: int = 0) -> int:
    """Write how far the scan got; without further rows it is finished."""
    if not rows:
        check.state, check.finished_at = ReverseCheck.State.FINISHED, timezone.now()
    check.rows, check.same_template = F("rows") + rows, F("same_template") + same_template
    check.save(update_fields=["state", "last_case", "last_replay_row", "rows", "same_template", "finished_at"])
    check.refresh_from_db(fields=["rows", "same_template"])
    return rows


def figures(check: ReverseCheck) -> dict[str, int]:
    """Rows compared, rows and items that overlap, and how many of the rows are frozen into datasets."""
    matches = check.matches.values_list("item", "frozen")
    return {
        "rows": check.rows,
        "overlapping": len(matches),
        "items": len({item for item, _ in matches}),
        "frozen": sum(held for _, held in matches),
    }
