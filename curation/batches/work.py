"""The screener's work on a batch: read its file through, screen its ranges, merge their verdicts.

A range's verdicts go to a file named by their hash; PostgreSQL remembers the hash only for the worker that still holds
the range. So a range that was screened twice, by a worker thought dead or by a doubled message, counts once.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import structlog
from django.conf import settings

from cftapp.base import files, jobs, room
from cftapp.base.jobs import HELD, Lease, Stale
from cftapp.base.record_files import PIECE, BadFile, Mark, Record, opened, unit_of
from curation.batches import actions, report_files, row_files, seekable
from curation.batches import row_screening as batching
from curation.batches.row_files import Distinct
from curation.batches.row_screening import Tally
from curation.batches.row_texts import Fields
from curation.decontamination.registry import Registry
from curation.models import BatchPart, BatchScreening
from curation.screening import current_epoch

log = structlog.get_logger(__name__)

PARTS = ".parts"
ENDED = (BatchScreening.State.FINISHED, BatchScreening.State.FAILED)


def work(part_id: int, *, by: str) -> list[int]:
    """Do one part, if nobody else does. Returns the parts that can be worked on because of it."""
    if not room.left(folder()):
        log.error("no room on the disk: the batch waits", part=part_id)
        return []
    part = actions.claim_part(part_id)
    if part is None:
        return []
    if part.attempt > jobs.MAX_ATTEMPTS:
        what = f"{part.get_kind_display()} ({part.number + 1})"
        reason = f"{what} ended in an error, or with its worker, {part.attempt - 1} times: see the screener's log."
        actions.fail_batch(part.batch_id, reason, by=by)
        forget(part.batch)
        return []
    try:
        with Lease(part) as lease:
            return STEPS[part.kind](part, lease, by)
    except BadFile as problem:
        if room.is_full(problem):
            jobs.give_back(part)
            return []
        actions.fail_batch(part.batch_id, in_words(part.batch, problem), by=by)
        forget(part.batch)
    except Stale as late:
        log.warning("batch.part_lost", part=part.pk, reason=str(late))
    except Exception as problem:
        with suppress(Stale):
            jobs.give_back(part, failed=not room.is_full(problem))
        raise
    finally:
        forget_if_ended(part.batch)
    return []


def in_words(batch: BatchScreening, problem: BadFile) -> str:
    """The reason, with files named as whoever queued the batch knows them."""
    copy = seekable.copy_of(Path(batch.input_name), parts_of(batch))
    named = str(problem).replace(f"{copy}, line", f"{batch.input_name}, {unit_of(Path(batch.input_name))}")
    return named.replace(str(copy), batch.input_name).replace(f"{folder().resolve()}/", "")


# --- where the files are ----------------------------------------------------------------------------------------------
def folder() -> Path:
    return Path(settings.CFT_VAR) / "batches"


def inside(name: str) -> Path:
    """The file of this name below CFT_VAR/batches. Raises BadFile for one that leads out of it, by links too."""
    root = folder().resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or path == root:
        raise BadFile(f"{name}: it lies outside of CFT_VAR/batches, and the screener reads nothing else.")
    return path


def parts_of(batch: BatchScreening) -> Path:
    return folder() / PARTS / str(batch.pk)


def forget(batch: BatchScreening) -> None:
    """Remove what the ranges of an ended batch left."""
    shutil.rmtree(parts_of(batch), ignore_errors=True)


def forget_if_ended(batch: BatchScreening) -> None:
    """Remove what was written after another worker had ended the batch, and forgotten it."""
    if parts_of(batch).exists() and BatchScreening.objects.filter(pk=batch.pk, state__in=ENDED).exists():
        forget(batch)


def forget_ended() -> None:
    """Remove what was left by workers that were killed before they could."""
    left = {int(path.name) for path in (folder() / PARTS).glob("*") if path.name.isdecimal()}
    for batch in BatchScreening.objects.filter(pk__in=left, state__in=ENDED) if left else ():
        forget(batch)


# --- the plan ---------------------------------------------------------------------------------------------------------
def plan(part: BatchPart, lease: Lease, by: str) -> list[int]:
    source, target = inside(part.batch.input_name), inside(part.batch.output_name)
    if not target.parent.is_dir():
        raise BadFile(f"{part.batch.output_name}: there is no such folder below CFT_VAR/batches: make it.")
    if target.exists():
        raise BadFile(f"{part.batch.output_name}: it is there already: name another file, or remove it.")
    sha256 = sha256_of(source, lease)
    parts_of(part.batch).mkdir(mode=0o700, parents=True, exist_ok=True)
    seekable.make_copy(source, parts_of(part.batch), lease.check)
    marks, rows = row_files.ranges_of(input_of(part.batch), part.batch.range_rows, lease.check)
    if not rows:
        raise BadFile(f'{source.name}: it holds no rows: give one {{"id", "text"}} a line.')
    parts = actions.start_batch(part, input_sha256=sha256, marks=marks, rows=rows, by=by)
    return [each.pk for each in parts]


def input_of(batch: BatchScreening) -> Path:
    """What the ranges are read from: the copy that was planned with, or else the file itself."""
    source = inside(batch.input_name)
    copy = seekable.copy_of(source, parts_of(batch))
    return copy if copy.is_file() else source


def sha256_of(path: Path, lease: Lease, piece: int = PIECE) -> str:
    """Of a long file, as long as the lease lasts. Raises Stale."""
    digest = hashlib.sha256()
    with opened(path, unpack=False) as file:
        while read := file.read(piece):
            digest.update(read)
            lease.check()
    return digest.hexdigest()


# --- a range ----------------------------------------------------------------------------------------------------------
def screen_range(part: BatchPart, lease: Lease, by: str) -> list[int]:
    epoch = current()
    source = input_of(part.batch)
    mark = Mark(part.first_row, part.first_line, part.first_byte)
    rows = row_files.read_rows(source, mark, part.rows, fields_of(part.batch))
    tally, written = Tally(), bytearray()
    for records in batching.screened(rows, epoch):
        tally.add(records)
        written += b"".join(json.dumps(record).encode() + b"\n" for record in records)
        lease.check()
    if tally.rows != part.rows:
        raise changed(part, f"rows {part.first_row + 1:,} to {part.first_row + part.rows:,} were {tally.rows:,} rows")
    sha256 = hashlib.sha256(written).hexdigest()
    keep(verdicts_of(part, sha256), bytes(written))
    actions.finish_range(part, epoch=epoch.number, sha256=sha256, blocked=tally.methods)
    merge = part.batch.parts.filter(kind=BatchPart.Kind.MERGE)
    return list(BatchPart.objects.claimable().filter(pk__in=merge).values_list("pk", flat=True))


def current() -> Registry:
    epoch = current_epoch.open_registry()
    if epoch is None:
        raise BadFile("No epoch has been published yet: publish a benchmark first.")
    return epoch


def fields_of(batch: BatchScreening) -> Fields:
    return Fields(tuple(batch.columns), tuple(batch.left_out))


def verdicts_of(part: BatchPart, sha256: str) -> Path:
    return parts_of(part.batch) / f"{part.number:08d}-{sha256[:32]}.jsonl"


def keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(path, content, durable=False)


def changed(part: BatchPart, what: str) -> BadFile:
    return BadFile(f"{part.batch.input_name}: it was changed while it was screened ({what}): queue it again.")


# --- the merge --------------------------------------------------------------------------------------------------------
def merge(part: BatchPart, lease: Lease, by: str) -> list[int]:
    epoch, batch = current(), part.batch
    if actions.repeat_ranges(part, epoch.number, by=by):
        return list(BatchPart.objects.claimable().filter(batch=batch).values_list("pk", flat=True))
    source, target = inside(batch.input_name), inside(batch.output_name)
    if sha256_of(source, lease) != batch.input_sha256:
        raise changed(part, "its hash is another")
    tally, distinct = Tally(), Distinct()
    with report_files.writing(target, batching.metadata_of(epoch, fields_of(batch))) as report:
        for records in verdicts(batch, lease.check):
            report.write(records)
            tally.add(records)
            distinct.add(record["id"] for record in records)
        reconcile(batch, tally)
        distinct.check(source, lease.check)
        jobs.renew(part)  # whoever lost the lease must not replace the report of who has it
    actions.finish_batch(
        part,
        epoch=epoch.number,
        rows=tally.rows,
        blocked=tally.methods,
        unread=tally.unread,
        report_sha256=sha256_of(target, lease),
        by=by,
    )
    forget(batch)
    return []


def verdicts(batch: BatchScreening, alive: Callable[[], object]) -> Iterator[list[Record]]:
    """All verdicts in the order of the rows, from the files that PostgreSQL names. Raises BadFile for any other."""
    for part in batch.parts.ranges().order_by("number").select_related("batch").iterator():
        path = verdicts_of(part, part.sha256)
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise BadFile(f"The verdicts of range {part.number + 1} are gone from CFT_VAR/batches: queue it again.")
        records = [json.loads(line) for line in content.splitlines()]
        if len(records) != part.rows:
            raise BadFile(f"Range {part.number + 1} has {part.rows:,} rows and {len(records):,} verdicts.")
        yield records
        alive()


def reconcile(batch: BatchScreening, tally: Tally) -> None:
    """Every row of the file has its verdict, and no more. Raises BadFile."""
    if tally.rows != batch.rows:
        raise BadFile(f"{batch.input_name}: {batch.rows:,} rows, but {tally.rows:,} verdicts: nothing was reported.")
    if tally.methods != batch.parts.finished_ranges().blocked_rows():
        raise BadFile(f"{batch.input_name}: the ranges and the report do not count the same blocked rows.")


STEPS: dict[str, Callable[[BatchPart, Lease, str], list[int]]] = {
    BatchPart.Kind.PLAN: plan,
    BatchPart.Kind.RANGE: screen_range,
    BatchPart.Kind.MERGE: merge,
}


# --- what no message was heard for ------------------------------------------------------------------------------------
def left_behind() -> list[int]:
    """Batches that could go on and that nobody works on: a worker was killed, or Redis has forgotten the messages."""
    alive = BatchScreening.objects.filter(state__in=[BatchScreening.State.QUEUED, BatchScreening.State.RUNNING])
    held = BatchPart.objects.filter(HELD).values("batch")
    claimable = BatchPart.objects.claimable().values("batch")
    unplanned = alive.filter(parts=None)
    return [
        *unplanned.values_list("pk", flat=True),
        *alive.filter(pk__in=claimable).exclude(pk__in=held).values_list("pk", flat=True),
    ]


def next_part(batch_id: int) -> int | None:
    """A part of the batch that can be worked on now, ranges in order."""
    actions.plan_of(batch_id)
    return (
        BatchPart.objects.claimable()
        .filter(batch=batch_id)
        .order_by("number", "pk")
        .values_list("pk", flat=True)
        .first()
    )
