"""Rows screened before meet, under a new epoch, only the items that came since; what they met before stays.

That holds while epochs measure alike (`RegistryEpoch.comparable_since`) and for rows that no overlap blocks: an item
that left cannot have blocked them. All other rows are screened in full. A row that is many epochs behind is compared
with whatever came after its own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from curation.checks import findings
from curation.checks.findings import Facts, Finding
from curation.checks.lesson import Lesson
from curation.decontamination.overlap import Overlap
from curation.models import Blocker, Case, DatasetRow, Pair, RegistryEpoch, ReplayRow
from curation.screening import comparing, lengths
from curation.screening.comparing import Rows

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry
LESSON = (
    "correction__interaction__prompt",
    "correction__replacement",
    "correction__interaction__conversation",
    "correction__replacement_message",
)
"""From a case to what its correction teaches, in the order of `Lesson`."""
TRAINS = Q(state=Case.State.OPEN) | Q(state=Case.State.DECIDED, verdict=Case.Verdict.ACCEPTED)


def comparable_since(number: int) -> int:
    """The oldest epoch whose findings hold under epoch `number`: itself where none before it measured alike."""
    since = RegistryEpoch.objects.filter(pk=number).values_list("comparable_since", flat=True).first()
    return number if since is None else since


def met_before(number: int) -> Q:
    """Stale cases for which the newer items are enough."""
    measured = Exists(Blocker.objects.filter(case=OuterRef("pk"), check_name=Blocker.Check.OVERLAP, blocking=False))
    return Q(screened_epoch__gte=comparable_since(number)) & (Q(correction__isnull=True) | Q(measured))


def lock_met_before(limit: int, number: int, without: Collection[int] = ()) -> dict[int, int]:
    """Case → the epoch it was screened under, of up to `limit` such cases, locked; none of `without`."""
    stale = Case.objects.filter(TRAINS, met_before(number), screened_epoch__lt=number).exclude(pk__in=without)
    locked = stale.order_by("id").select_for_update(skip_locked=True).values_list("pk", "screened_epoch")[:limit]
    return {pk: epoch for pk, epoch in locked if epoch is not None}


@transaction.atomic
def next_met_before(number: int, without: Collection[int]) -> list[int]:
    """The case that `lock_met_before` would lock first now, if any."""
    return list(lock_met_before(1, number, without))


def rescan(cases: Mapping[int, int], registry: "Registry") -> dict[int, Finding]:
    """Compare locked cases with the items newer than their epochs; store what overlaps, and the new epoch."""
    lessons = lessons_of(cases)
    overlaps = newer(lessons, cases, registry)
    blocked = {
        pk: findings.overlap(Facts("correction", **lessons[pk]._asdict(), overlap=overlap))
        for pk, overlap in overlaps.items()
        if overlap.blocked
    }
    Blocker.objects.filter(case__in=blocked, check_name=Blocker.Check.OVERLAP).delete()
    Blocker.objects.bulk_create(row_of(pk, finding) for pk, finding in blocked.items())
    mark_screened(list(cases), registry.number)
    mark_pairs(list(cases), registry.number)
    return blocked


def lessons_of(cases: Iterable[int]) -> dict[int, Lesson]:
    corrections = Case.objects.filter(pk__in=list(cases), correction__isnull=False)
    return {pk: Lesson(*texts) for pk, *texts in corrections.values_list("pk", *LESSON)}


def newer(rows: Rows, epochs: Mapping[int, int], registry: "Registry") -> dict[int, Overlap]:
    """Case → what its words share with the items that came after its epoch (0: with all)."""
    found: dict[int, Overlap] = {}
    for since, same_epoch in by_epoch(rows, epochs).items():
        found |= comparing.stored(same_epoch, registry, since)
    return found


def by_epoch(rows: Rows, epochs: Mapping[int, int]) -> dict[int, dict[int, Lesson]]:
    """The rows, those of one epoch together."""
    grouped: dict[int, dict[int, Lesson]] = defaultdict(dict)
    for pk, lesson in rows.items():
        grouped[epochs[pk]][pk] = lesson
    return grouped


def row_of(case_id: int, finding: Finding) -> Blocker:
    """The finding as it is stored."""
    return Blocker(
        case_id=case_id,
        check_name=finding.check,
        blocking=finding.blocking,
        score=finding.score,
        limit=finding.limit,
        message=finding.message,
        evidence=finding.evidence,
    )


def mark_screened(ids: Sequence[int], number: int) -> None:
    """The cases were compared under this epoch."""
    Case.objects.filter(pk__in=ids).update(screened_at=timezone.now(), screened_epoch=number)


def mark_pairs(cases: Sequence[int], number: int) -> None:
    """So were the pairs of those that are accepted."""
    accepted = Case.objects.filter(pk__in=cases, verdict=Case.Verdict.ACCEPTED).values("correction")
    if pairs := list(Pair.objects.filter(correction__in=accepted).locked().values_list("pk", flat=True)):
        Pair.objects.filter(pk__in=pairs).update(screened_epoch=number)


def count_frozen(cases: Iterable[int] = (), replay_rows: Iterable[int] = ()) -> int:
    """How many places in datasets these cases' pairs and replay rows hold."""
    held = Q(pair__correction__case__in=list(cases)) | Q(replay_row__in=list(replay_rows))
    return DatasetRow.objects.filter(held).values("pk").count()


def lock_replay_rows(limit: int, number: int, without: Collection[int] = ()) -> list[ReplayRow]:
    unseen = ReplayRow.objects.filter(Q(screened_epoch__isnull=True) | Q(screened_epoch__lt=number))
    chosen = unseen.exclude(pk__in=without).order_by("id")
    return list(chosen.select_for_update(skip_locked=True)[:limit])


@transaction.atomic
def next_replay_rows(number: int, without: Collection[int]) -> list[int]:
    """The row that `lock_replay_rows` would lock first now, if any."""
    return [row.pk for row in lock_replay_rows(1, number, without)]


def screen_replay(rows: Sequence[ReplayRow], registry: "Registry") -> dict[int, Overlap]:
    """Compare locked replay rows with the exam; returns those that overlap. Such rows never train."""
    oldest = comparable_since(registry.number)
    lessons = {row.pk: replayed(row) for row in rows}
    overlapping: dict[int, Overlap] = {}
    for since, same_epoch in by_epoch(lessons, {row.pk: epoch_of(row, oldest) for row in rows}).items():
        overlaps = comparing.fresh(same_epoch, registry, since, spans=False)
        overlapping |= {pk: overlap for pk, overlap in overlaps.items() if overlap.blocked}
    ids = [row.pk for row in rows]
    ReplayRow.objects.filter(pk__in=ids).update(screened_epoch=registry.number, overlaps=False, overlaps_with="")
    by_benchmark: dict[str, list[Any]] = defaultdict(list)
    for pk, overlap in overlapping.items():
        by_benchmark[overlap.benchmark].append(pk)
    for benchmark, replay_rows in by_benchmark.items():
        ReplayRow.objects.filter(pk__in=replay_rows).update(overlaps=True, overlaps_with=benchmark[:80])
    count_tokens(rows)
    return overlapping


def count_tokens(rows: Sequence[ReplayRow]) -> None:
    """Keep how long replay rows are for the base that is to learn them, where somebody counts."""
    for row, length in zip(rows, lengths.measure(lengths.rows_of(map(replayed, rows))), strict=False):
        row.tokens, row.tokenizer = length.tokens, length.tokenizer
    ReplayRow.objects.bulk_update(rows, ["tokens", "tokenizer"], batch_size=500)


def replayed(row: ReplayRow) -> Lesson:
    return Lesson(row.prompt, row.answer, row.conversation, row.answer_message)


def epoch_of(row: ReplayRow, oldest: int) -> int:
    """The epoch whose findings about the row hold; 0 where it has to be compared with all items."""
    epoch = row.screened_epoch
    return 0 if row.overlaps or epoch is None or epoch < oldest else epoch
