"""Whose fault it is that a report was not written."""

import errno

import pytest

from cftapp.base.record_files import BadFile
from curation.batches import report_files

RECORD = {"id": 1, "item_id": None, "method": "", "score": 0.0, "epoch": 1, "verdict": "clean", "limit": 0.25}
RECORD["unread"] = RECORD["languages"] = []
NAMES = ["report.jsonl", "report.jsonl.gz", "report.parquet"]


@pytest.mark.parametrize("name", NAMES)
def test_what_happens_meanwhile_to_others_is_not_about_the_report(tmp_path, name):
    target = tmp_path / name
    with pytest.raises(ConnectionRefusedError), report_files.writing(target, {}) as report:
        report.write([RECORD])
        raise ConnectionRefusedError("the database")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_is_full_is_about_the_report(tmp_path, name, monkeypatch):
    def full(self, records):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(report_files.Parquet, "write", full)
    monkeypatch.setattr(report_files.JsonLines, "write", full)
    refused = pytest.raises(BadFile, match=f"{name}: it cannot be written: No space left")
    with refused, report_files.writing(tmp_path / name, {}) as report:
        report.write([RECORD])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_about_the_report(tmp_path):
    with pytest.raises(BadFile, match="it cannot be written"), report_files.writing(tmp_path / "no" / "r.jsonl", {}):
        pytest.fail("the body ran")


def test_a_device_that_fails_at_the_end_is_about_the_report(tmp_path, monkeypatch):
    def failing(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", failing)
    with pytest.raises(BadFile, match="Input/output error"), report_files.writing(tmp_path / "r.jsonl", {}) as report:
        report.write([RECORD])
    assert list(tmp_path.iterdir()) == []
