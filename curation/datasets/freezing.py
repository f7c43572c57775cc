"""Plans a dataset from the database: what the recipe takes, what falls out and why. For the preview and the freeze."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, F, Q, Value
from django.utils import timezone

from audit import merkle
from cftapp.base.refusal import Blocked, Conflict, Refused
from conversation import (
    Conversation,
    Message,
    NotAConversation,
    answer_text,
    read,
    read_answer,
    stored_answer,
)
from curation.checks.identity import as_uuid, row_hash
from curation.datasets import decontamination_report, report_facts, selection
from curation.datasets.plan import Plan, PlannedRow
from curation.datasets.recipe import BadRecipe, Recipe, moment, parse
from curation.datasets.selection import Known, Lesson, Link
from curation.models import Blocker, Dataset, DatasetRow, Duplicate, Pair, RegistryEpoch, ReplayRow, covered
from curation.screening import lengths
from curation.screening.gathering import consented


def parsed(recipe: Mapping[str, Any]) -> Recipe:
    """The recipe, or Refused with one reason a field."""
    try:
        return parse(recipe)
    except BadRecipe as problem:
        raise Refused(
            *(Blocked(name, text, "See the recipe's fields.") for name, text in problem.problems.items())
        ) from (problem)


def plan(recipe: Recipe, *, lock: bool = False) -> Plan:
    """Select rows. With `lock`, the pairs are locked so that no undo or withdrawal slips in between."""
    epoch = RegistryEpoch.objects.current()
    if epoch is None:
        raise Conflict.because(
            "epoch", "No benchmark is published, so nothing is screened.", "Publish a benchmark first."
        )
    if unknown := unknown_pairs(recipe.exclude):
        raise Refused.because("exclude", no_such_pairs(unknown), "Copy the id from the pair's address.")
    made = Plan(recipe, epoch.number)
    pairs = pairs_in_window(recipe, lock)
    made.considered = len(pairs)
    lessons = trainable(pairs, made)
    taken, left_out = selection.select_pairs(lessons, recipe)
    made.dropped |= {pk: (reason, {}) for pk, reason in left_out.items()}
    made.dropped |= duplicates_of(lessons, recipe)
    made.subjects = Counter(lesson.subject for lesson in taken)
    replay = plan_replay(taken, made) if taken or recipe.replay_count else []
    for row in selection.order([*taken, *replay], recipe):
        if isinstance(row, Lesson):
            made.rows.append(PlannedRow(row.id, None, row.row_hash))
        else:
            made.rows.append(PlannedRow(None, row.id, row.row_hash))
    return made


def unknown_pairs(ids: Sequence[str]) -> list[str]:
    """Those that are the id of no pair, whatever its state: a slip there would let a pair in that was to stay out."""
    keys = {text: as_uuid(text) for text in ids}
    known = set(Pair.objects.filter(pk__in={key for key in keys.values() if key}).values_list("pk", flat=True))
    return [text for text, key in keys.items() if key not in known]


def no_such_pairs(ids: Sequence[str]) -> str:
    named = ", ".join(f"“{text[:60]}”" for text in ids[:5])
    return f"No pair has the id {named}" + (f" (and {len(ids) - 5} more)." if len(ids) > 5 else ".")


def pairs_in_window(recipe: Recipe, lock: bool) -> list[Pair]:
    pairs = Pair.objects.accepted().select_related("correction").order_by("accepted_at", "id")
    since, until = window(recipe)
    if since:
        pairs = pairs.filter(accepted_at__gte=since)
    if until:
        pairs = pairs.filter(accepted_at__lt=until)
    return list(pairs.select_for_update(of=("self",)) if lock else pairs)


def window(recipe: Recipe) -> tuple[datetime | None, datetime | None]:
    since = moment(recipe.since) if recipe.since else None
    if recipe.window_days is not None:
        since = timezone.now() - timedelta(days=recipe.window_days)
    return since, moment(recipe.until) if recipe.until else None


def trainable(pairs: Sequence[Pair], made: Plan) -> list[Lesson]:
    """Those with consent in force today, screened under today's epoch, and not blocked; the others are dropped."""
    consents = consented({pair.subject_id for pair in pairs})
    findings = Blocker.objects.stopping().filter(case__correction__pair__in=[pair.pk for pair in pairs])
    blockers: dict[Any, Blocker] = {}
    for finding in findings.order_by("id").select_related("case"):
        blockers.setdefault(finding.case.correction_id, finding)
    hashes, cases = {}, {}
    columns = Pair.objects.filter(pk__in=[pair.pk for pair in pairs]).values_list(
        "pk", "correction__case__text_hash", "correction__case__id"
    )
    for pk, text_hash, case in columns:
        hashes[pk], cases[pk] = text_hash, case
    links, long = links_of(pairs), too_long(pairs)
    lessons = []
    for pair in pairs:
        blocker = blockers.get(pair.correction_id)
        if pair.subject_id not in consents:
            made.dropped[str(pair.pk)] = ("consent", {})
        elif pair.screened_epoch != made.epoch:
            made.dropped[str(pair.pk)] = ("epoch", {"screened": pair.screened_epoch})
        elif blocker is not None:
            made.dropped[str(pair.pk)] = (blocker.check_name, evidence_of(blocker))
        elif pair.correction_id in long and not (made.recipe.longer == "take" and pair.conversation):
            made.dropped[str(pair.pk)] = (Blocker.Check.LENGTH.value, long[pair.correction_id])
        else:
            lessons.append(
                Lesson(
                    id=str(pair.pk),
                    subject=str(pair.subject_id),
                    reason=pair.correction.reason,
                    prompt=pair.prompt,
                    rejected=pair.rejected,
                    text_hash=hashes[pair.pk],
                    row_hash=pair.row_hash,
                    case=cases[pair.pk],
                    link=links.get(pair.correction_id),
                    conversation=pair.conversation,
                    rejected_message=pair.rejected_message,
                )
            )
    return lessons


def too_long(pairs: Sequence[Pair]) -> dict[Any, dict[str, Any]]:
    """What screening counted of pairs that the configured base cannot take whole, by correction."""
    findings = Blocker.objects.filter(case__correction__pair__in=[pair.pk for pair in pairs])
    counted = findings.filter(
        check_name=Blocker.Check.LENGTH, score__gt=F("limit"), evidence__tokenizer=lengths.tokenizer()
    )
    return {
        correction: {"tokens": int(tokens or 0), "most": int(limit or 0), "base": base}
        for correction, tokens, limit, base in counted.values_list(
            "case__correction", "score", "limit", "evidence__base"
        )
    }


def links_of(pairs: Sequence[Pair]) -> dict[Any, Link]:
    """What screening found to be the same lesson, by correction; not where two people said that it is another."""
    duplicates = Duplicate.objects.filter(case__correction__pair__in=[pair.pk for pair in pairs])
    duplicates = duplicates.exclude(covered("case_id", Value("duplicate")))
    columns = duplicates.values_list("case__correction_id", "kept_id", "method", "score")
    return {correction: Link(kept, method, score) for correction, kept, method, score in columns}


def duplicates_of(lessons: Sequence[Lesson], recipe: Recipe) -> dict[str, tuple[str, dict[str, Any]]]:
    """The lessons dropped as duplicates, with the pair that is kept instead."""
    doubles = selection.duplicates_among(selection.offered(lessons, recipe)[0], recipe)
    return {
        pk: (
            "duplicate",
            {"method": double.method, "score": double.score, "case": double.kept.case, "kept": double.kept.id},
        )
        for pk, double in doubles.items()
    }


def evidence_of(blocker: Blocker) -> dict[str, Any]:
    kept = {key: blocker.evidence[key] for key in ("method", "item", "benchmark", "case") if key in blocker.evidence}
    return {"score": blocker.score, "limit": blocker.limit, **kept}


def plan_replay(taken: Sequence[Lesson], made: Plan) -> list[Known]:
    """The replay rows that go with the lessons, without those that a lesson supersedes."""
    long, today = longer_than(lengths.limit(), lengths.tokenizer()), Q(screened_epoch=made.epoch)
    if made.recipe.longer == "take":
        long &= Q(conversation="")
    unfit = ReplayRow.objects.aggregate(
        epoch=Count("pk", filter=~today | Q(screened_epoch=None)),
        overlap=Count("pk", filter=today & Q(overlaps=True)),
        length=Count("pk", filter=today & Q(overlaps=False) & long),
    )
    clean = ReplayRow.objects.clean(made.epoch).exclude(long)
    known = [Known(*row) for row in clean.values_list(*(column.name for column in fields(Known)))]
    stale = selection.superseded(known, taken)
    made.replay_dropped = Counter({**unfit, **Counter(stale.values())})
    made.replay_wanted = made.recipe.replay_rows(len(taken))
    chosen = selection.select_replay([row for row in known if row.id not in stale], made.replay_wanted, made.recipe)
    made.skills = Counter(row.skill for row in chosen)
    made.refusals = sum(row.is_refusal for row in chosen)
    return chosen


def longer_than(limit: int | None, tokenizer: str) -> Q:
    """Replay rows that have more tokens, by that tokenizer's count; none where there is no limit."""
    return Q(pk__in=[]) if limit is None else Q(tokenizer=tokenizer, tokens__gt=limit)


def store(name: str, made: Plan, by: User) -> Dataset:
    """Write the dataset and its rows, in order."""
    root = root_of_hashes([row.row_hash for row in made.rows])
    report = decontamination_report.report(report_facts.facts(made, root))
    dataset = Dataset.objects.create(
        name=name,
        recipe=made.recipe.as_dict(),
        report=report,
        report_sha256=decontamination_report.digest(report),
        merkle_root=root,
        pair_count=made.pair_count,
        replay_count=made.replay_count,
        epoch=made.epoch,
        frozen_by=by,
    )
    DatasetRow.objects.bulk_create(
        (
            DatasetRow(
                dataset=dataset,
                position=position,
                pair_id=row.pair_id,
                replay_row_id=row.replay_row_id,
                row_hash=row.row_hash,
            )
            for position, row in enumerate(made.rows)
        ),
        batch_size=5000,
    )
    return dataset


def refuse_changed_report(dataset: Dataset) -> None:
    """Raise Refused where the stored report is not the one that the dataset was frozen with."""
    if (actual := decontamination_report.digest(dataset.report)) != dataset.report_sha256:
        raise Refused.because(
            "dataset",
            f"The decontamination report of dataset {dataset.pk} hashes to {actual}, not to"
            f" {dataset.report_sha256 or 'anything known'}: it was changed after the freeze.",
            "Freeze a dataset again, and find out who changed it.",
        )


def refuse_too_little_replay(made: Plan) -> None:
    """Raise Refused where replay rows are missing because they wait for the screener: a run without them forgets."""
    waiting = made.replay_dropped["epoch"]
    if waiting and made.replay_count < made.replay_wanted:
        raise Conflict.because(
            "replay",
            f"{waiting} replay rows are not compared with the newest benchmarks yet, and {made.replay_wanted} are"
            f" wanted; {made.replay_count} can be taken.",
            "Try again in a moment: they are being screened.",
        )


def refuse_exam(dataset: Dataset) -> None:
    """Raise Conflict while a row of the dataset is, or may be, part of an exam that was published after the freeze."""
    rows = DatasetRow.objects.filter(dataset=dataset)
    if count := rows.overlapping().count():
        raise Conflict.because(
            "dataset",
            f"{count} rows of dataset {dataset.pk} overlap with a benchmark that was published after it was frozen.",
            "Freeze a dataset again: it leaves them out.",
        )
    if count := rows.unscreened().count():
        raise Conflict.because(
            "dataset",
            f"{count} rows of dataset {dataset.pk} are not compared with the newest benchmarks yet.",
            "Try again in a moment: they are being screened.",
        )


def root_of_hashes(hashes: Sequence[str]) -> str:
    """RFC 6962 root (hexadecimal) of the tree whose leaves are the row hashes, in order."""
    return merkle.root_of(merkle.leaf_hash(bytes.fromhex(row_hash)) for row_hash in hashes).hex()


def replay_row(row: Mapping[str, Any]) -> ReplayRow:
    """An unsaved replay row of a mapping with skill and perhaps is_refusal, with `prompt` or `messages` (and `tools`),
    and with `answer`: a text or a message. Messages without an answer end with it. Raises NotAConversation.
    """
    asked, answer = asked_and_answered(row)
    if path := asked.reference_path:
        raise NotAConversation(path, "An image, a sound or a file cannot be trained on.", "Leave the row out.")
    short = asked.text, answer_text(answer)
    stored = asked.stored, stored_answer(answer)
    return ReplayRow(
        skill=row["skill"],
        is_refusal=bool(row.get("is_refusal", row["skill"] == "refusal")),
        prompt=short[0],
        answer=short[1],
        conversation=stored[0],
        answer_message=stored[1],
        row_hash=row_hash(*short, "", *stored, ""),
    )


def asked_and_answered(row: Mapping[str, Any]) -> tuple[Conversation, Message]:
    if "messages" not in row:
        return Conversation.of(row["prompt"]), read_answer(row["answer"])
    messages, tools = row["messages"], row.get("tools")
    if "answer" in row or not isinstance(messages, list):
        asked = read(messages, tools)
        return asked, read_answer(row.get("answer"), tools=asked.tools)
    asked = read(messages[:-1], tools)
    return asked, read_answer(messages[-1], f"messages[{len(messages) - 1}]", asked.tools)
