"""What can happen to a batch: queued (web, command line), then started, repeated, finished or failed (screener).

A part is a job (`cftapp.base.jobs`), as a run is; what happens to it is progress of a batch and no change of its state,
so the log tells of the batch alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actions import record
from cftapp.base import jobs
from cftapp.base.actors import Actor
from cftapp.base.jobs import Job
from cftapp.base.record_files import FORMATS, BadFile, Mark, format_of
from cftapp.base.refusal import Conflict, Refused
from curation.batches import report_files
from curation.batches.row_texts import EVERYTHING, Fields
from curation.models import RANGE_ROWS, BatchPart, BatchScreening

MOST_RANGE_ROWS = 100_000
MOST_COLUMNS = 100  # that a batch names as not read

State, Kind = BatchScreening.State, BatchPart.Kind


# --- queueing ---------------------------------------------------------------------------------------------------------
def queue_batch(
    input_name: str, output_name: str, *, fields: Fields = EVERYTHING, range_rows: int = RANGE_ROWS, by: Actor
) -> BatchScreening:
    """Ask for a file below CFT_VAR/batches to be screened into a report there. The screener looks at the files.

    `fields`: which texts of a row are read; what is not read is told when the batch is finished.
    """
    check_name("input_name", input_name, FORMATS)
    check_name("output_name", output_name, report_files.FORMATS)
    check_columns(fields)
    if input_name == output_name:
        raise Refused.because("output_name", "The report would replace its input.", "Name another file.")
    if not 1 <= range_rows <= MOST_RANGE_ROWS:
        raise Refused.because(
            "range_rows", f"A task cannot have {range_rows} rows.", f"Give a number from 1 to {MOST_RANGE_ROWS:,}."
        )
    try:
        return _queue(input_name, output_name, fields, range_rows, by)
    except IntegrityError as problem:
        raise Conflict.because(
            "output_name", f"A batch that has not ended writes {output_name}.", "Wait for it, or name another file."
        ) from problem


def check_name(field: str, name: str, formats: tuple[str, ...]) -> None:
    """Only a plain path below the folder of batches, in a format that is known."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)
    if not name or name != str(path) or len(name) > 200 or path.is_absolute() or hidden or "\0" in name or "\\" in name:
        raise Refused.because(
            field, f"{name!r} is no file below CFT_VAR/batches.", "Name one, such as july/rows.jsonl."
        )
    try:
        format_of(path, formats)
    except BadFile as problem:
        raise Refused.because(field, str(problem), "Name a file in one of the formats of docs/batch.md.") from problem


def check_columns(fields: Fields) -> None:
    """Only names that a column can have, and that can be stored."""
    for field, names in (("columns", fields.chosen), ("left_out", fields.left_out)):
        if any(not name.strip() or len(name) > 200 or "\0" in name for name in names) or len(names) > 100:
            message = "One of the columns' names is empty, longer than 200 characters, or there are more than 100."
            raise Refused.because(field, message, "Give them with commas between, such as prompt, messages.content.")


@transaction.atomic
def _queue(input_name: str, output_name: str, fields: Fields, range_rows: int, by: Actor) -> BatchScreening:
    batch = BatchScreening.objects.create(
        input_name=input_name,
        output_name=output_name,
        columns=list(fields.chosen),
        left_out=list(fields.left_out),
        range_rows=range_rows,
        queued_by=by if isinstance(by, User) else None,
    )
    record("batch.queued", by=by, generated=[("batch", batch.pk)], detail={"range_rows": range_rows})
    return batch


# --- a part -----------------------------------------------------------------------------------------------------------
def plan_of(batch_id: int) -> int | None:
    """The part that a batch begins with, made when it is first asked for; None where there is no such batch."""
    if not BatchScreening.objects.filter(pk=batch_id).exists():
        return None
    return int(BatchPart.objects.get_or_create(batch_id=batch_id, kind=Kind.PLAN, number=0)[0].pk)


@transaction.atomic
def claim_part(part_id: int, owner: str = "") -> BatchPart | None:
    """Take a part that nobody works on; None if somebody does, it is finished, or its turn has not come."""
    return jobs.claim(BatchPart.objects.claimable().filter(pk=part_id), owner, abandoned=True)


def finish_range(part: BatchPart, *, epoch: int, sha256: str, blocked: Mapping[str, int]) -> None:
    """A range's verdicts are in the file with this hash. A range that was done twice counts once. Raises Stale."""
    jobs.end(part, Job.State.FINISHED, epoch=epoch, sha256=sha256, blocked=dict(blocked))


# --- a batch's way ----------------------------------------------------------------------------------------------------
@transaction.atomic
def start_batch(plan: BatchPart, *, input_sha256: str, marks: Sequence[Mark], rows: int, by: Actor) -> list[BatchPart]:
    """The file has been read through: make the ranges and the merge. Returns them, the merge last. Raises Stale."""
    jobs.end(plan, Job.State.FINISHED)
    batch = plan.batch
    size = batch.range_rows
    ranges = [
        BatchPart(
            batch=batch,
            kind=Kind.RANGE,
            number=number,
            first_row=mark.row,
            first_line=mark.line,
            first_byte=mark.offset,
            rows=min(size, rows - mark.row),
        )
        for number, mark in enumerate(marks)
    ]
    parts = BatchPart.objects.bulk_create([*ranges, BatchPart(batch=batch, kind=Kind.MERGE)], batch_size=1000)
    BatchScreening.objects.filter(pk=batch.pk).update(state=State.RUNNING, input_sha256=input_sha256, rows=rows)
    detail = {"input": input_sha256, "rows": rows, "ranges": len(marks)}
    record("batch.started", by=by, used=[("batch", batch.pk)], detail=detail)
    return parts


@transaction.atomic
def repeat_ranges(merge: BatchPart, epoch: int, *, by: Actor) -> int:
    """Another epoch was adopted meanwhile: ranges of older ones are screened again. Returns how many. Raises Stale."""
    outdated = merge.batch.parts.ranges().exclude(epoch=epoch)
    repeated = outdated.update(state=Job.State.QUEUED, lease_expires_at=None, epoch=None, sha256="", attempt=0)
    if repeated:
        jobs.write(merge, state=Job.State.QUEUED, lease_expires_at=None, attempt=0)
        used = [("batch", merge.batch_id), ("epoch", epoch)]
        record("batch.repeated", by=by, used=used, detail={"ranges": repeated})
    return repeated


@transaction.atomic
def finish_batch(
    merge: BatchPart,
    *,
    epoch: int,
    rows: int,
    blocked: Mapping[str, int],
    unread: Mapping[str, int],
    report_sha256: str,
    by: Actor,
) -> None:
    """The report is in its place and every row is in it once. Raises Stale."""
    jobs.end(merge, Job.State.FINISHED, epoch=epoch)
    BatchScreening.objects.filter(pk=merge.batch_id).update(
        state=State.FINISHED,
        epoch=epoch,
        blocked=dict(blocked),
        unread=storable(unread),
        report_sha256=report_sha256,
        ended_at=timezone.now(),
    )
    record(
        "batch.finished",
        by=by,
        used=[("batch", merge.batch_id), ("epoch", epoch)],
        detail={"rows": rows, "blocked": dict(blocked), "unread_columns": len(unread), "report": report_sha256},
    )


def storable(unread: Mapping[str, int]) -> dict[str, int]:
    """Columns and rows, as jsonb takes them: of thousands of names, those of most rows."""
    most = sorted(unread.items(), key=lambda count: (-count[1], count[0]))[:MOST_COLUMNS]
    return {name.encode("utf-8", "replace").decode().replace("\0", "?")[:200]: rows for name, rows in most}


@transaction.atomic
def fail_batch(batch_id: int, reason: str, *, by: Actor) -> bool:
    """End a batch without a report; False if it had ended already. The reason is for people, not for the log."""
    batch = BatchScreening.objects.select_for_update().get(pk=batch_id)
    if batch.ended:
        return False
    BatchScreening.objects.filter(pk=batch_id).update(state=State.FAILED, error=reason, ended_at=timezone.now())
    done = batch.parts.finished_ranges().count()
    record("batch.failed", by=by, used=[("batch", batch_id)], detail={"ranges_done": done})
    return True


@transaction.atomic
def record_screening(
    epoch: int, *, rows: int, blocked: Mapping[str, int], unread_columns: int, report_sha256: str, by: Actor
) -> None:
    """A file was screened against an epoch outside of the queue, by somebody who holds its key."""
    detail = {"rows": rows, "blocked": dict(blocked), "unread_columns": unread_columns, "report": report_sha256}
    record("file.screened", by=by, used=[("epoch", epoch)], detail=detail)
