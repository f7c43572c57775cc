"""A batch's files: the copy its ranges are read from, what it never overwrites, and that nothing of it is left."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from cftapp.base import jobs, record_files
from cftapp.base.record_files import BadFile
from curation.batches import actions as batch_actions
from curation.batches import row_files, seekable
from curation.batches import tasks as batch_tasks
from curation.batches import work as batch_work
from curation.models import BatchScreening
from tests.curation.batches.test_batch import finish, folder, part, read, rows
from tests.curation.conftest import TEST

__all__ = ["folder"]

pytestmark = pytest.mark.django_db


def packed(folder, name="rows.jsonl.gz"):
    plain = rows(folder / "plain.jsonl")
    (folder / name).write_bytes(gzip.compress(plain.read_bytes()))
    return folder / name


def one_group(folder, name="rows.parquet"):
    """The same rows in one row group, beside a column that nobody reads."""
    records = [record | {"vector": [0.5] * 100} for record in read(rows(folder / "plain.jsonl"))]
    pq.write_table(pa.Table.from_pylist(records), folder / name)
    return folder / name


def planned(name, output="report.jsonl") -> BatchScreening:
    queued = batch_actions.queue_batch(name, output, range_rows=3, by=TEST)
    batch_work.work(batch_actions.plan_of(queued.pk), by=TEST)
    queued.refresh_from_db()
    return queued


# --- the copy ---------------------------------------------------------------------------------------------------------
def test_a_packed_file_is_unpacked_once(folder, monkeypatch):
    packed(folder)
    batch = planned("rows.jsonl.gz")
    monkeypatch.setattr(record_files.gzip, "GzipFile", lambda **_: pytest.fail("unpacked again"))
    finish(batch)
    assert (batch.state, batch.blocked) == ("finished", {"exact": 2})
    assert [row["id"] for row in read(folder / "report.jsonl")] == list(range(10))
    assert not batch_work.parts_of(batch).exists()


def test_a_long_row_group_is_cut_once(folder, monkeypatch):
    monkeypatch.setattr(seekable, "GROUP_ROWS", 2)
    monkeypatch.setattr(record_files, "BATCH", 1)
    batch = planned(one_group(folder).name)
    copy = pq.ParquetFile(batch_work.input_of(batch))
    assert (copy.num_row_groups, copy.schema_arrow.names) == (5, ["id", "text"])
    finish(batch)
    assert (batch.state, batch.blocked) == ("finished", {"exact": 2})
    assert [row["id"] for row in read(folder / "report.jsonl")] == list(range(10))


def as_csv(folder):
    cells = "".join(f'"{record["text"]}"\r\n' for record in read(rows(folder / "plain.jsonl")))
    return b"text\r\n" + cells.encode()


def as_array(folder):
    return json.dumps([{"text": record["text"]} for record in read(rows(folder / "plain.jsonl"))], indent=1).encode()


KINDS = {
    "rows.csv": as_csv,
    "rows.json": as_array,
    "rows.csv.gz": lambda folder: gzip.compress(as_csv(folder)),
    "rows.ndjson.zst": lambda folder: pa.compress(rows(folder / "plain.jsonl").read_bytes(), "zstd", asbytes=True),
}


@pytest.mark.parametrize("room", [0, 1 << 80], ids=["copied", "where they are"])
@pytest.mark.parametrize("name", KINDS)
def test_ranges_of_other_kinds_are_their_rows(folder, tmp_path, monkeypatch, name, room):
    monkeypatch.setattr(seekable, "ROOM", room)
    (folder / name).write_bytes(KINDS[name](folder))
    batch = planned(name)
    assert batch_work.input_of(batch).is_relative_to(folder / ".parts") is not bool(room)
    assert (finish(batch).state, batch.blocked) == ("finished", {"exact": 2})
    call_command("screen", "--input", folder / name, "--output", tmp_path / "alone.jsonl")
    assert read(folder / "report.jsonl") == read(tmp_path / "alone.jsonl")


def test_a_bad_row_of_a_copy_is_named_as_one_of_the_file(folder):
    (folder / "rows.json").write_text('[{"id": 1, "text": "a"}, {"id": 2}]')
    assert finish(planned("rows.json")).error.startswith("rows.json, row 2: it has no text")


def test_row_groups_that_are_short_are_read_where_they_are(folder):
    one_group(folder)
    assert not seekable.make_copy(folder / "rows.parquet", folder, row_files.silent)
    assert not seekable.make_copy(folder / "plain.jsonl", folder, row_files.silent)


@pytest.mark.parametrize("make", [packed, one_group])
def test_without_room_or_with_a_copy_that_is_gone_the_file_itself_is_read(folder, monkeypatch, make):
    monkeypatch.setattr(seekable, "GROUP_ROWS", 2)
    source = make(folder)
    gone = planned(source.name)
    assert batch_work.input_of(gone) != source
    batch_work.work(part(gone).pk, by=TEST)
    batch_work.input_of(gone).unlink()
    assert finish(gone).state == "finished"

    monkeypatch.setattr(seekable, "ROOM", 1 << 80)
    full = planned(source.name, "other.jsonl")
    assert batch_work.input_of(full) == source
    assert finish(full).state == "finished"
    assert read(folder / "report.jsonl") == read(folder / "other.jsonl")


def test_a_bad_row_is_named_by_the_file_that_was_given(folder):
    plain = rows(folder / "plain.jsonl").read_bytes()
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(plain + b'{"id": 10}\n'))
    assert finish(planned("rows.jsonl.gz")).error.startswith("rows.jsonl.gz, line 11: it has no text")


def test_a_damaged_file_is_told_as_before(folder):
    (folder / "rows.jsonl.gz").write_bytes(packed(folder).read_bytes()[:-20])
    assert "rows.jsonl.gz: its compression is damaged" in finish(planned("rows.jsonl.gz")).error
    (folder / "rows.parquet").write_bytes(one_group(folder).read_bytes()[:-20])
    assert "rows.parquet: it is no Parquet file" in finish(planned("rows.parquet", "second.jsonl")).error


# --- signs of life ----------------------------------------------------------------------------------------------------
def test_whoever_reads_a_long_file_through_is_heard_of(tmp_path, monkeypatch):
    path, heard = rows(tmp_path / "rows.jsonl"), []
    monkeypatch.setattr(row_files, "PIECE", 100)
    assert row_files.ranges_of(path, 3, lambda: heard.append(1)) == row_files.ranges_of(path, 3)
    assert len(heard) >= path.stat().st_size // 200
    monkeypatch.setattr(row_files, "ROWS_A_SIGN", 2)
    path.write_text(path.read_text() + json.dumps({"id": 0, "text": ""}) + "\n")
    heard.clear()
    distinct = row_files.Distinct()
    distinct.add([*range(10), 0])
    with pytest.raises(BadFile):
        distinct.check(path, lambda: heard.append(1))
    assert len(heard) == 6


@pytest.mark.parametrize("make", [packed, one_group])
def test_so_is_whoever_copies_one_and_a_lost_lease_leaves_no_copy(folder, make, monkeypatch):
    monkeypatch.setattr(seekable, "GROUP_ROWS", 2)
    source = make(folder)
    before = set(folder.iterdir())

    def lost():
        raise jobs.Stale("too late")

    with pytest.raises(jobs.Stale):
        seekable.make_copy(source, folder, lost)
    assert set(folder.iterdir()) == before


# --- what is there already --------------------------------------------------------------------------------------------
def test_a_batch_overwrites_no_finished_report_and_no_other_file(folder):
    rows(folder / "rows.jsonl")
    finish(planned("rows.jsonl"))
    before = (folder / "report.jsonl").read_bytes()
    second = finish(planned("rows.jsonl"))
    assert (second.state, second.error) == (
        "failed",
        "report.jsonl: it is there already: name another file, or remove it.",
    )
    assert (folder / "report.jsonl").read_bytes() == before
    rows(folder / "others.jsonl", 3)
    assert "others.jsonl: it is there already" in finish(planned("rows.jsonl", "others.jsonl")).error
    assert len(read(folder / "others.jsonl")) == 3


def test_a_merge_that_is_done_again_after_its_report_was_written_finishes(folder, monkeypatch):
    rows(folder / "rows.jsonl")
    batch = planned("rows.jsonl")
    for number in range(4):
        batch_work.work(part(batch, number).pk, by=TEST)
    with monkeypatch.context() as patch:
        patch.setattr(batch_actions, "finish_batch", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            batch_work.work(part(batch, kind="merge").pk, by=TEST)
    assert (folder / "report.jsonl").exists()
    assert finish(batch).state == "finished"


# --- nothing is left --------------------------------------------------------------------------------------------------
def test_a_range_that_ends_after_its_batch_leaves_nothing(folder, monkeypatch):
    rows(folder / "rows.jsonl")
    batch = planned("rows.jsonl")
    keep = batch_work.keep

    def late(path, content):
        batch_actions.fail_batch(batch.pk, "another range was bad", by=TEST)
        batch_work.forget(batch)
        keep(path, content)

    monkeypatch.setattr(batch_work, "keep", late)
    batch_work.work(part(batch).pk, by=TEST)
    assert not batch_work.parts_of(batch).exists()


def test_what_a_killed_worker_left_is_swept_and_what_is_needed_stays(folder, monkeypatch):
    rows(folder / "rows.jsonl")
    ended, running = planned("rows.jsonl"), planned("rows.jsonl", "other.jsonl")
    batch_work.work(part(running).pk, by=TEST)
    batch_actions.fail_batch(ended.pk, "and then it was killed", by=TEST)
    assert batch_work.parts_of(ended).exists()
    monkeypatch.setattr(batch_work, "left_behind", list)
    batch_tasks.sweep_batches()
    assert not batch_work.parts_of(ended).exists() and batch_work.parts_of(running).exists()
