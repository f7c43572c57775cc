"""Ranges of a file are the file, whatever its format and wherever its blank lines stand."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cftapp.base.record_files import BadFile
from curation.batches import row_files
from curation.batches.row_files import Distinct

TEXTS = st.lists(st.tuples(st.text(max_size=20), st.booleans()), max_size=30)


def written(path: Path, texts: list[tuple[str, bool]]) -> Path:
    """Rows 0, 1, …; after those that are marked stands a blank line."""
    records = [{"id": n, "text": text} for n, (text, _) in enumerate(texts)]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records, pa.schema({"id": pa.int64(), "text": pa.string()})), path, 4)
        return path
    blanks = ["\r\n \n" if blank else "\n" for _, blank in texts]
    content = "".join(json.dumps(record) + blank for record, blank in zip(records, blanks, strict=True)).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet"])
@given(texts=TEXTS, size=st.integers(1, 12))
def test_the_ranges_of_a_file_are_its_rows(tmp_path_factory, name, texts, size):
    if name.endswith("parquet"):
        texts = [(text.encode("utf-8", "replace").decode(), blank) for text, blank in texts]
    path = written(tmp_path_factory.mktemp("ranges") / name, texts)

    marks, rows = row_files.ranges_of(path, size)
    ranges = [list(row_files.read_rows(path, mark, size)) for mark in marks]

    assert rows == len(texts)
    assert [len(range) for range in ranges] == [min(size, rows - mark.row) for mark in marks]
    assert [row for range in ranges for row in range] == list(row_files.read_rows(path))
    assert [row.pairs[0][0] for range in ranges for row in range] == [text for text, _ in texts]


def test_a_row_knows_its_line(tmp_path):
    path = written(tmp_path / "rows.jsonl", [("a", True), ("b", False), ("c", False)])
    assert [row.number for row in row_files.read_rows(path)] == [1, 3, 4]
    (mark, *_), _ = row_files.ranges_of(path, 2)
    assert [row.number for row in row_files.read_rows(path, mark)] == [1, 3, 4]


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "text": "a"}\n', encoding="utf-8-sig")
    assert [row.id for row in row_files.read_rows(path)] == [1]


@given(ids=st.lists(st.one_of(st.integers(-3, 3), st.text(max_size=2)), max_size=12))
def test_an_id_that_is_there_twice_is_found(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("ids") / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": id_, "text": ""}) + "\n" for id_ in ids))
    distinct = Distinct()
    distinct.add(ids)
    if len({str(id_) for id_ in ids}) == len(ids):
        distinct.check(path)
    else:
        with pytest.raises(BadFile, match="give every one its own"):
            distinct.check(path)
