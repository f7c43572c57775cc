"""A batch, part by part, in this process: what is done twice counts once, what changes meanwhile is noticed."""

import errno
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from cftapp.base import jobs, room
from cftapp.base.refusal import Refused
from curation.batches import actions as batch_actions
from curation.batches import report_files
from curation.batches import work as batch_work
from curation.batches.row_texts import Fields
from curation.models import BatchPart, BatchScreening
from tests.curation.conftest import EXAM, TEST, publish

LEAK = EXAM[0][2]


@pytest.fixture
def folder(vault) -> Path:
    """The folder of batches, of a screener with epoch 1."""
    publish(1)
    made = batch_work.folder()
    made.mkdir()
    return made


def rows(path: Path, count: int = 10, leaks: tuple[int, ...] = (3, 8)) -> Path:
    texts = [LEAK if n in leaks else f"Row {n} is about tea and nothing else." for n in range(count)]
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


def read(path: Path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def batch(folder) -> BatchScreening:
    """Ten rows in four ranges, planned."""
    rows(folder / "rows.jsonl")
    queued = batch_actions.queue_batch("rows.jsonl", "report.jsonl", range_rows=3, by=TEST)
    assert len(batch_work.work(batch_actions.plan_of(queued.pk), by=TEST)) == 5
    return queued


def part(batch, number=0, kind="range") -> BatchPart:
    return batch.parts.get(kind=kind, number=number)


def finish(batch) -> BatchScreening:
    """Do whatever can be done, as a resumed batch does."""
    while (claimable := batch_work.next_part(batch.pk)) is not None:
        batch_work.work(claimable, by=TEST)
    batch.refresh_from_db()
    return batch


def test_a_batch_reports_every_row_once_in_order(batch, folder, events):
    events()
    finish(batch)

    report = read(folder / "report.jsonl")
    assert (batch.state, batch.rows, batch.epoch, batch.blocked) == ("finished", 10, 1, {"exact": 2})
    assert [row["id"] for row in report] == list(range(10))
    assert [row["id"] for row in report if row["verdict"] == "blocked"] == [3, 8]
    assert {row["epoch"] for row in report} == {1}
    assert events() == ["batch.finished"]
    assert sorted(path.name for path in folder.iterdir()) == [".parts", "report.jsonl", "rows.jsonl"]
    assert not batch_work.parts_of(batch).exists()


def test_it_says_the_same_as_the_command_alone(batch, folder, tmp_path):
    finish(batch)
    call_command("screen", "--input", folder / "rows.jsonl", "--output", tmp_path / "alone.jsonl")
    assert read(folder / "report.jsonl") == read(tmp_path / "alone.jsonl")


def test_a_parquet_report_names_its_epoch(folder):
    rows(folder / "rows.jsonl")
    finish(batch_actions.queue_batch("rows.jsonl", "report.parquet", range_rows=4, by=TEST))
    table = pq.read_table(folder / "report.parquet")
    assert table.column("row_id").to_pylist() == [str(n) for n in range(10)]
    assert set(table.column("epoch").to_pylist()) == {1}
    assert table.schema.metadata[b"cftapp.epoch"] == b"1"


def test_nothing_is_merged_before_every_range_is_done(batch):
    assert batch_work.work(part(batch, kind="merge").pk, by=TEST) == []
    for number in range(3):
        assert batch_work.work(part(batch, number).pk, by=TEST) == []
    assert batch_work.work(part(batch, 3).pk, by=TEST) == [part(batch, kind="merge").pk]


def test_a_part_that_somebody_holds_is_left_to_them(batch):
    held = batch_actions.claim_part(part(batch).pk, "first")
    assert batch_actions.claim_part(held.pk, "second") is None
    assert batch_work.work(held.pk, by=TEST) == []


def test_a_range_that_was_done_twice_counts_once(batch, folder):
    late = batch_actions.claim_part(part(batch).pk, "thought dead")
    BatchPart.objects.filter(pk=late.pk).update(lease_expires_at=Now())
    batch_work.work(late.pk, by=TEST)

    with pytest.raises(jobs.Stale):
        batch_actions.finish_range(late, epoch=1, sha256="0" * 64, blocked={"exact": 99})
    with pytest.raises(jobs.Stale):
        jobs.renew(late)
    assert finish(batch).blocked == {"exact": 2}
    assert len(read(folder / "report.jsonl")) == 10


def test_a_merge_that_lost_its_lease_replaces_no_report(batch, folder, monkeypatch):
    for number in range(4):
        batch_work.work(part(batch, number).pk, by=TEST)
    merge = part(batch, kind="merge")

    def slow(self, path, alive):
        BatchPart.objects.filter(pk=merge.pk).update(lease_expires_at=Now())

    monkeypatch.setattr(batch_work.Distinct, "check", slow)
    (folder / "report.jsonl").write_text("another worker's")
    assert batch_work.work(merge.pk, by=TEST) == []
    assert (folder / "report.jsonl").read_text() == "another worker's"


def test_another_epoch_meanwhile_screens_the_older_ranges_again(batch, folder, events):
    for number in range(3):
        batch_work.work(part(batch, number).pk, by=TEST)
    publish(2, [("tea", "exam v2", "Row 0 is about tea and nothing else.", ""), *EXAM])
    events()
    finish(batch)
    report = read(folder / "report.jsonl")
    assert (batch.state, batch.epoch) == ("finished", 2)
    assert {row["epoch"] for row in report} == {2}
    assert report[0]["item_id"] == "tea"
    assert events() == ["batch.repeated", "batch.finished"]


def test_an_input_that_changes_meanwhile_fails_the_batch(batch, folder, events):
    batch_work.work(part(batch).pk, by=TEST)
    source = folder / "rows.jsonl"
    source.write_text(source.read_text().replace("tea", "pie"))
    events()
    finish(batch)
    assert batch.state == "failed"
    assert batch.error.startswith("rows.jsonl: it was changed while it was screened")
    assert not (folder / "report.jsonl").exists()
    assert not batch_work.parts_of(batch).exists()
    assert events() == ["batch.failed"]


def test_an_input_that_is_cut_meanwhile_fails_the_batch(batch, folder):
    rows(folder / "rows.jsonl", 8)
    assert finish(batch).state == "failed"


def test_verdicts_that_are_gone_or_forged_fail_the_batch(batch, folder):
    for number in range(4):
        batch_work.work(part(batch, number).pk, by=TEST)
    kept = batch_work.verdicts_of(part(batch, 1), part(batch, 1).sha256)
    kept.write_text(kept.read_text().replace("blocked", "clean"))
    finish(batch)
    assert batch.state == "failed"
    assert batch.error.startswith("The verdicts of range 2 are gone")


def test_a_bad_row_fails_the_batch_by_its_line(folder, events):
    path = rows(folder / "rows.jsonl")
    path.write_text(path.read_text() + '{"id": 10}\n')
    queued = finish(batch_actions.queue_batch("rows.jsonl", "report.jsonl", range_rows=3, by=TEST))
    assert queued.state == "failed"
    assert queued.error.startswith("rows.jsonl, line 11: it has no text")


def test_a_batch_says_which_texts_it_did_not_read(folder):
    texts = [{"id": n, "prompt": f"Tea {n}", "notes": LEAK if n == 4 else None} for n in range(6)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in texts))
    whole = finish(batch_actions.queue_batch("rows.jsonl", "whole.jsonl", range_rows=2, by=TEST))
    assert (whole.blocked, whole.unread) == ({"exact": 1}, {})

    some = Fields(("prompt",))
    chosen = finish(batch_actions.queue_batch("rows.jsonl", "some.jsonl", fields=some, range_rows=2, by=TEST))
    assert (chosen.blocked, chosen.unread) == ({}, {"notes": 1})
    assert [row["unread"] for row in read(folder / "some.jsonl")] == [[], [], [], [], ["notes"], []]


@pytest.mark.parametrize("name", ["report.csv", "report.json", "report.ndjson", "report.jsonl.zst"])
def test_a_report_has_a_format_of_reports(db, name):
    with pytest.raises(Refused, match=r"end it in .jsonl, .jsonl.gz or .parquet"):
        batch_actions.queue_batch("rows.jsonl", name, by=TEST)


@pytest.mark.parametrize("name", ["", " ", "a\0b", "x" * 201])
def test_names_that_no_column_has_are_refused(db, name):
    for fields in (Fields((name,)), Fields(left_out=(name,))):
        with pytest.raises(Refused, match="columns' names"):
            batch_actions.queue_batch("rows.jsonl", "report.jsonl", fields=fields, by=TEST)
    assert not BatchScreening.objects.exists()


def test_an_id_in_two_ranges_fails_the_batch(folder):
    path = rows(folder / "rows.jsonl")
    path.write_text(path.read_text() + '{"id": 0, "text": ""}\n')
    queued = finish(batch_actions.queue_batch("rows.jsonl", "report.jsonl", range_rows=3, by=TEST))
    assert (queued.state, '"id" 0 is also on 1' in queued.error) == ("failed", True)


def test_without_an_epoch_it_fails_and_says_why(vault):
    batch_work.folder().mkdir()
    rows(batch_work.folder() / "rows.jsonl")
    queued = finish(batch_actions.queue_batch("rows.jsonl", "report.jsonl", by=TEST))
    assert "publish a benchmark first" in queued.error


@pytest.mark.parametrize(
    "name", ["", "/etc/rows.jsonl", "../rows.jsonl", "a/../../rows.jsonl", ".parts/1/x.jsonl", "x.xlsx"]
)
def test_names_that_lead_elsewhere_are_refused(db, name):
    with pytest.raises(Refused):
        batch_actions.queue_batch(name, "report.jsonl", by=TEST)
    with pytest.raises(Refused):
        batch_actions.queue_batch("rows.jsonl", name, by=TEST)
    assert not BatchScreening.objects.exists()


def test_the_task_refuses_a_link_that_leads_elsewhere(folder, tmp_path):
    rows(tmp_path / "secret.jsonl")
    (folder / "rows.jsonl").symlink_to(tmp_path / "secret.jsonl")
    queued = finish(batch_actions.queue_batch("rows.jsonl", "report.jsonl", by=TEST))
    assert queued.state == "failed"
    assert "it lies outside of CFT_VAR/batches" in queued.error


def test_two_batches_do_not_write_one_report(batch):
    with pytest.raises(Refused, match="A batch that has not ended writes report.jsonl"):
        batch_actions.queue_batch("other.jsonl", "report.jsonl", by=TEST)
    finish(batch)
    assert batch_actions.queue_batch("other.jsonl", "report.jsonl", by=TEST)


def test_a_part_that_fails_again_and_again_fails_the_batch(batch, monkeypatch):
    def broken():
        raise RuntimeError("no memory")

    monkeypatch.setattr(batch_work, "current", broken)
    for _ in range(jobs.MAX_ATTEMPTS):
        with pytest.raises(RuntimeError):
            batch_work.work(part(batch).pk, by=TEST)
    assert batch_work.work(part(batch).pk, by=TEST) == []
    batch.refresh_from_db()
    assert batch.state == "failed"
    assert "5 times: see the screener's log" in batch.error


def test_what_nobody_works_on_is_found(batch, folder):
    rows(folder / "more.jsonl")
    unplanned = batch_actions.queue_batch("more.jsonl", "more.parquet", by=TEST)
    assert set(batch_work.left_behind()) == {batch.pk, unplanned.pk}
    held = batch_actions.claim_part(part(batch).pk, "somebody")
    assert batch_work.left_behind() == [unplanned.pk]
    BatchPart.objects.filter(pk=held.pk).update(lease_expires_at=Now())
    finish(unplanned)
    assert batch_work.left_behind() == [batch.pk]
    finish(batch)
    assert batch_work.left_behind() == []


def test_the_command_refuses_files_that_the_screener_may_not_read(folder, tmp_path):
    with pytest.raises(CommandError, match="with --chord it must lie below"):
        call_command("screen", "--chord", "--input", rows(tmp_path / "a.jsonl"), "--output", folder / "b.jsonl")
    with pytest.raises(CommandError, match="leave out --items"):
        call_command("screen", "--chord", "--items", "i.jsonl", "--input", "a.jsonl", "--output", "b.jsonl")
    assert not BatchScreening.objects.exists()


def test_a_folder_that_is_gone_is_told(folder):
    rows(folder / "rows.jsonl")
    queued = finish(batch_actions.queue_batch("rows.jsonl", "july/report.jsonl", by=TEST))
    assert "there is no such folder below CFT_VAR/batches" in queued.error
    shutil.rmtree(folder)


def test_a_full_disk_keeps_a_batch_waiting_and_ends_nothing(batch, folder, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(room, "LEAST", 2**80)
        assert batch_work.work(part(batch).pk, by=TEST) == []
    with monkeypatch.context() as patch:
        patch.setattr(batch_work, "keep", full)
        for _ in range(jobs.MAX_ATTEMPTS + 2):
            with pytest.raises(OSError, match="No space left"):
                batch_work.work(part(batch).pk, by=TEST)
    for number in range(4):
        batch_work.work(part(batch, number).pk, by=TEST)
    with monkeypatch.context() as patch:
        patch.setattr(report_files.JsonLines, "write", full)
        for _ in range(jobs.MAX_ATTEMPTS + 2):
            assert batch_work.work(batch.parts.get(kind="merge").pk, by=TEST) == []
    assert part(batch).attempt == 1
    assert finish(batch).state == "finished"
    assert len(read(folder / "report.jsonl")) == 10
