"""Gathers what screening needs in a few queries per batch, and stores what it found. Called by actions, in their
transaction; only the screener process has the grants for it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from cftapp.base.refusal import Refused
from curation.checks import findings as checks
from curation.checks.duplicates import Duplicates
from curation.checks.findings import Facts, Finding
from curation.checks.lesson import Lesson, compared_row, lesson_hash
from curation.decontamination.overlap import Overlap
from curation.models import KINDS, Blocker, Case, Pair
from curation.screening import comparing, lengths, rescanning, signatures, turns
from feedback.models import BugReport, Comment, Correction, TasteNote

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry

TABLES: dict[str, Any] = {
    "correction": Correction,
    "bug_report": BugReport,
    "taste_note": TasteNote,
    "comment": Comment,
}
Origin = tuple[UUID, str, str]
"""Subject, environment and lane of the interaction that a replay goes back to."""


def get_or_open(kind: str, feedback_id: object, followers: int = 0) -> tuple[Case, list[Case]]:
    """The case of one piece of feedback, and all cases that are new: concurrent calls get the same one.

    With `followers`, so many of its kind that came after it and have no case get theirs too.
    """
    existing = Case.objects.filter(**{f"{kind}_id": feedback_id}).first()
    if existing is not None:
        return existing, []
    feedback_rows = TABLES[kind].objects.select_related("interaction")
    feedback = feedback_rows.filter(pk=feedback_id).first()
    if feedback is None:
        raise Refused.because(kind, f"There is no {kind.replace('_', ' ')} {feedback_id}.", "Check the id.")
    after = feedback_rows.filter(case__isnull=True, created_at__gte=feedback.created_at).exclude(pk=feedback_id)
    opened = open_for(kind, [feedback, *after.order_by("created_at")[:followers]])
    mine = next((case for case in opened if str(getattr(case, f"{kind}_id")) == str(feedback_id)), None)
    return mine or Case.objects.get(**{f"{kind}_id": feedback_id}), opened


def open_missing(limit: int, since: datetime | None) -> list[Case]:
    """Open cases for at most `limit` pieces of feedback (given since then) that have none."""
    opened: list[Case] = []
    for kind in KINDS:
        feedback = TABLES[kind].objects.filter(case__isnull=True).select_related("interaction")
        if since is not None:
            feedback = feedback.filter(created_at__gte=since)
        opened += open_for(kind, list(feedback.order_by("created_at")[: limit - len(opened)]))
    return opened


def open_for(kind: str, feedback: Sequence[Any]) -> list[Case]:
    """Insert the cases that are not there yet, and return those. A case's subject is the origin's: its words count."""
    if not feedback:
        return []
    origins = origins_of([item.interaction for item in feedback])
    cases = [
        Case(
            **{kind: item},
            subject_id=origins[item.interaction_id][0],
            text_hash=lesson_hash(lesson_of(item)) if kind == "correction" else "",
        )
        for item in feedback
    ]
    ids = [item.pk for item in feedback]
    before = set(Case.objects.filter(**{f"{kind}_id__in": ids}).values_list(f"{kind}_id", flat=True))
    Case.objects.bulk_create(cases, ignore_conflicts=True)
    stored = Case.objects.filter(**{f"{kind}_id__in": [pk for pk in ids if pk not in before]})
    return list(stored.order_by("id"))


def lesson_of(correction: Correction) -> Lesson:
    """What a correction teaches: the question as it was asked, and the right answer."""
    interaction = correction.interaction
    return Lesson(interaction.prompt, correction.replacement, interaction.conversation, correction.replacement_message)


def lessons_of(cases: Iterable[Case]) -> dict[int, Lesson]:
    """By case, in their order, what corrections teach."""
    return {case.pk: lesson_of(case.correction) for case in cases if case.correction is not None}


def origins_of(interactions: Iterable[Any]) -> dict[UUID, Origin]:
    """Where each interaction comes from: itself, unless it replays another."""
    interactions = list(interactions)
    origins = {
        interaction.pk: (interaction.subject_id, interaction.environment, interaction.lane)
        for interaction in interactions
    }
    replays = [interaction.pk for interaction in interactions if interaction.replay_of_id is not None]
    if replays:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT r.id, o.subject_id, o.environment, o.lane"
                " FROM unnest(%s::uuid[]) AS r(id), curation_origin(r.id) AS o",
                [replays],
            )
            origins |= {row[0]: (row[1], row[2], row[3]) for row in cursor.fetchall()}
    return origins


def lock(ids: Sequence[int]) -> list[Case]:
    """These cases, locked, without those that another transaction holds."""
    cases = Case.objects.with_feedback().filter(pk__in=ids).order_by("id")
    return list(cases.select_for_update(skip_locked=True, of=("self",)))


def lock_waiting(limit: int, epoch: int, without: Collection[int] = ()) -> list[Case]:
    """Up to `limit` cases to screen in full: those that wait, then open and accepted ones of an older epoch for which
    the newer items are not enough; none of `without`.
    """
    cases = lock_arrived(limit, without=without)
    if len(cases) < limit:
        stale = Case.objects.filter(rescanning.TRAINS, ~rescanning.met_before(epoch), screened_epoch__lt=epoch)
        cases += lock_some(stale.exclude(pk__in=without), limit - len(cases))
    return cases


@transaction.atomic
def next_waiting(limit: int, epoch: int, without: Collection[int]) -> list[int]:
    """The cases that `lock_waiting` would lock now; nobody holds them afterwards."""
    return [case.pk for case in lock_waiting(limit, epoch, without)]


def lock_arrived(limit: int, first: int = 0, without: Collection[int] = ()) -> list[Case]:
    """Up to `limit` cases that wait, in turns: case `first` before all others, none of `without`."""
    return turns.read(turns.lock_next(limit, first, without))


def lock_some(cases: Any, limit: int) -> list[Case]:
    chosen = cases.with_feedback().order_by("id").select_for_update(skip_locked=True, of=("self",))
    return list(chosen[:limit])


class Screened(NamedTuple):
    """What came of a batch: the blocking findings by case, and other cases that are sent back to be screened again."""

    blocked: dict[int, list[Finding]]
    recalled: list[int]


def screen(cases: Sequence[Case], registry: "Registry") -> Screened:
    """Screen locked cases, store findings and epoch."""
    arrived = [case.pk for case in cases if case.state == Case.State.WAITING and case.correction_id is not None]
    findings_of = {case.pk: checks.screen(facts) for case, facts in gather(cases, registry)}
    store(cases, findings_of, registry.number)
    signatures.keep_found(findings_of)
    blocking = {pk: [finding for finding in findings if finding.blocking] for pk, findings in findings_of.items()}
    return Screened(
        {pk: findings for pk, findings in blocking.items() if findings},
        recall_overtaking(arrived, list(findings_of), registry) if arrived else [],
    )


def recall_overtaking(arrived: Sequence[int], batch: Sequence[int], registry: "Registry") -> list[int]:
    """Send back open duplicates that came after one of `arrived` but had their turn before it, and so missed theirs."""
    behind = Case.objects.filter(pk__gt=min(arrived), state=Case.State.OPEN).exclude(pk__in=batch)
    if not behind.exists():
        return []
    stopped = set(Blocker.objects.stopping().filter(case__in=arrived).values_list("case_id", flat=True))
    left = [pk for pk in arrived if pk not in stopped]
    overtaken = signatures.overtaking(left, registry.policy, signatures.configured_encoder()) if left else set()
    locked = behind.filter(pk__in=overtaken).order_by("pk").select_for_update(skip_locked=True)
    recalled = list(locked.values_list("pk", flat=True)) if overtaken else []
    Case.objects.filter(pk__in=recalled).update(state=Case.State.WAITING)
    return recalled


def count_checks(blocked: dict[int, list[Finding]]) -> dict[str, int]:
    """How many cases each check blocked."""
    return dict(Counter(finding.check for findings in blocked.values() for finding in findings))


def overlapping(blocked: dict[int, list[Finding]]) -> list[int]:
    """The cases that an overlap with an exam blocks."""
    return [
        pk for pk, findings in blocked.items() if any(finding.check == Blocker.Check.OVERLAP for finding in findings)
    ]


def gather(cases: Sequence[Case], registry: "Registry") -> Iterable[tuple[Case, Facts]]:
    """The facts about each case: one query each for origins, consent, duplicates and authors, whatever the number."""
    corrections = [case for case in cases if case.correction_id is not None]
    interaction_of = {case.pk: case.correction.interaction for case in corrections}  # type: ignore[union-attr]
    origins = origins_of(interaction_of.values())
    consents = consented({origin[0] for origin in origins.values()})
    duplicates = duplicates_of(corrections, registry)
    authors, all_pairs = pairs_by_author({case.subject_id for case in corrections})
    lessons = lessons_of(corrections)
    overlaps = compared(corrections, lessons, registry)
    counted = dict(zip(lessons, lengths.measure(lengths.rows_of(lessons.values())), strict=False))
    for case in cases:
        if case.correction is None:
            yield case, Facts(kind=case.kind)
            continue
        interaction = interaction_of[case.pk]
        subject, environment, lane = origins[interaction.pk]
        yield (
            case,
            Facts(
                "correction",
                **lessons[case.pk]._asdict(),
                rejected=interaction.answer,
                rejected_message=interaction.answer_message,
                lane=interaction.lane,
                environment=interaction.environment,
                origin_lane=lane,
                origin_environment=environment,
                consented=subject in consents,
                overlap=overlaps.get(case.pk),
                duplicates=duplicates.get(case.pk),
                author_pairs=authors.get(subject, 0) - (case.verdict == Case.Verdict.ACCEPTED),
                all_pairs=all_pairs,
                length=counted.get(case.pk),
            ),
        )


def compared(cases: Sequence[Case], lessons: Mapping[int, Lesson], registry: "Registry") -> dict[int, Overlap]:
    """What each of the corrections shares with the exam."""
    new = {case.pk: lessons[case.pk] for case in cases if case.state == Case.State.WAITING}
    known = {pk: lesson for pk, lesson in lessons.items() if pk not in new}
    return {
        **comparing.fresh(new, registry),
        **comparing.stored(known, registry),
    }


def consented(subjects: set[UUID]) -> set[UUID]:
    """Those whose consent to training is in force now, as PostgreSQL sees it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s FROM unnest(%s::uuid[]) AS s WHERE consent_in_force(s, 'training', clock_timestamp())",
            [list(subjects)],
        )
        return {row[0] for row in cursor.fetchall()}


def duplicates_of(corrections: Iterable[Case], registry: "Registry") -> dict[int, Duplicates]:
    """Other rows that are like each of the corrections."""
    ordered = sorted(corrections, key=lambda case: (case.verdict != Case.Verdict.ACCEPTED, case.pk))
    rows = {pk: compared_row(lesson) for pk, lesson in lessons_of(ordered).items()}
    encoder = signatures.configured_encoder()
    signatures.sign(rows, encoder)
    return signatures.duplicates_of(rows, registry.policy, encoder)


def sign_unsigned(after: int, limit: int) -> list[int]:
    """Sign up to `limit` corrections that train or wait for review, in order."""
    encoder = signatures.configured_encoder()
    cases = signatures.unsigned(after, limit, encoder)
    signatures.sign(signatures.texts_of(cases), encoder)
    return cases


def lock_freed(limit: int, without: Collection[int] = ()) -> list[Case]:
    """Up to `limit` duplicates whose kept one does not train any more: the first of them takes its place."""
    freed = signatures.freed(limit + len(without))
    return lock([pk for pk in freed if pk not in without][:limit])


@transaction.atomic
def next_freed(epoch: int, without: Collection[int]) -> list[int]:
    """The case that `lock_freed` would lock first now, if any."""
    return [case.pk for case in lock_freed(1, without)]


def pairs_by_author(subjects: set[UUID]) -> tuple[dict[UUID, int], int]:
    """Accepted pairs of each of these subjects, and of all."""
    accepted = Pair.objects.accepted()
    mine = Counter(accepted.filter(subject__in=subjects).values_list("subject_id", flat=True))
    return dict(mine), accepted.count()


def store(cases: Sequence[Case], findings_of: dict[int, list[Finding]], epoch: int) -> None:
    """Replace the findings of the cases and mark them, and their pairs, as screened under `epoch`."""
    ids = [case.pk for case in cases]
    Blocker.objects.filter(case__in=ids).delete()
    Blocker.objects.bulk_create(
        rescanning.row_of(pk, finding) for pk, findings in findings_of.items() for finding in findings
    )
    rescanning.mark_screened(ids, epoch)
    if accepted := [case.pk for case in cases if case.verdict == Case.Verdict.ACCEPTED]:
        rescanning.mark_pairs(accepted, epoch)
    Case.objects.filter(pk__in=ids, state=Case.State.WAITING).update(state=Case.State.OPEN)
    for case in cases:
        case.screened_at, case.screened_epoch = timezone.now(), epoch
        case.state = Case.State.OPEN if case.state == Case.State.WAITING else case.state
