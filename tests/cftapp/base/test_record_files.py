"""One reader for every file of records: the same rows, whatever the format and the compression."""

import gzip
import io
import json
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cftapp.base import record_files
from cftapp.base.record_files import BadFile, BadRecord, Mark, numbered_records, read_records

RECORDS = [{"id": "a", "text": 'two\nlines, "quoted"'}, {"id": "b", "text": ""}, {"id": "c", "text": "ü 🐟"}]


def as_csv(records) -> str:
    def cell(value):
        return '"' + value.replace('"', '""') + '"'

    rows = [list(records[0]), *(record.values() for record in records)]
    return "".join(",".join(map(cell, row)) + "\r\n" for row in rows)


CONTENTS = {
    ".jsonl": "".join(json.dumps(record) + "\n" for record in RECORDS),
    ".ndjson": "\n".join(json.dumps(record) for record in RECORDS),
    ".json": json.dumps(RECORDS, indent=1),
    ".csv": as_csv(RECORDS),
}
PACKINGS = {"": bytes, ".gz": gzip.compress, ".zst": lambda raw: pa.compress(raw, "zstd", asbytes=True)}


def file(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("ending", CONTENTS)
def test_every_format_holds_the_same_records(tmp_path, ending, packing, bom):
    content = (bom + CONTENTS[ending]).encode()
    path = file(tmp_path / f"rows{ending}{packing}", PACKINGS[packing](content))
    assert list(read_records(path)) == list(enumerate(RECORDS, 1))
    assert [record for _, record in read_records(path, most=2)] == RECORDS[:2]


def test_json_may_be_objects_one_after_another_and_no_object_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(record_files, "CHUNK", 3)
    for content in ("\n".join(map(json.dumps, RECORDS)), json.dumps(RECORDS), json.dumps(RECORDS[0], indent=2)):
        records = [record for _, record in read_records(file(tmp_path / "rows.json", content))]
        assert records == (RECORDS if len(records) > 1 else RECORDS[:1])


@given(records=st.lists(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()), max_size=8))
def test_an_array_is_read_piece_by_piece(tmp_path_factory, records):
    path = file(tmp_path_factory.mktemp("array") / "rows.json", json.dumps(records))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_files, "CHUNK", 5)
        assert [record for _, record in read_records(path)] == records


def test_a_range_begins_where_its_mark_says(tmp_path):
    for ending, packing in [(".csv", ""), (".json", ".gz"), (".csv", ".zst")]:
        path = file(tmp_path / f"rows{ending}{packing}", PACKINGS[packing](CONTENTS[ending].encode()))
        assert list(read_records(path, Mark(1, 1), 1)) == [(2, RECORDS[1])]
    path = file(tmp_path / "rows.jsonl.zst", PACKINGS[".zst"](CONTENTS[".jsonl"].encode()))
    first = len(CONTENTS[".jsonl"].splitlines()[0]) + 1
    assert list(read_records(path, Mark(1, 1, first))) == list(enumerate(RECORDS, 1))[1:]


BROKEN = {
    "cut.json": ('[{"a": "b', "row 1: no JSON (Unterminated string"),
    "comma.json": ('[{"a": 1} {"b": 2}]', "row 2: no JSON (a comma or the end of the array is missing)"),
    "open.json": ('[{"a": 1},', "row 2: no JSON"),
    "more.json": ('[{"a": 1}] x', "row 2: no JSON (something follows the array)"),
    "deep.json": ('[{"a": ' + "[" * 100_000, "row 1: no JSON that can be read (nested too deeply)"),
    "numbers.json": ("[1, 2]", "row 1: it is a number: a row is an object"),
    "latin.json": (b'[{"a": "\xff"}]', "it is not UTF-8 behind row 0"),
    "cells.csv": ("a,b\n1,2,3\n", "row 1: it has 3 cells, and there are 2 columns: quote what holds a comma."),
    "twice.csv": ("a,a\n1,2\n", 'two columns are called "a"'),
    "quote.csv": ('a,b\n1,"2\n', "row 1: no CSV (unexpected end of data)"),
    "latin.csv": (b"a,b\n1,2\n1,\xff\n", "line 3: byte 3 is not UTF-8"),
    "deep.jsonl": ('{"a": ' + "[" * 100_000, "line 1: no JSON that can be read (nested too deeply)"),
    "names.jsonl": ('{"a": 1}\n{"b": [{"a": 1, "a": 2}]}', 'line 2: no JSON that can be read ("a" is there twice)'),
    "names.json": ('[{"a": 1, "a": 2}]', 'row 1: no JSON ("a" is there twice)'),
    "cut.jsonl.gz": (gzip.compress(b"{}" * 999)[:-9], "its compression is damaged"),
    "cut.jsonl.zst": (PACKINGS[".zst"](b"{}" * 999)[:-4], "its compression is damaged"),
    "none.csv.zst": (b"none at all", "its compression is damaged"),
    "rows.txt": ("", "end it in .jsonl, .ndjson, .json, .csv (also as .gz or .zst) or .parquet"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_the_place_and_the_remedy(tmp_path, name):
    content, words = BROKEN[name]
    path = file(tmp_path / name, content)
    with pytest.raises(BadFile) as refused:
        list(read_records(path))
    assert str(refused.value).startswith(str(path)) and words in str(refused.value)


def test_a_broken_line_is_handed_on_and_the_next_is_read(tmp_path):
    path = file(tmp_path / "rows.jsonl", '{"a": 1}\n{"b"\n\n[' + "[" * 50_000 + '\n{"c": NaN}\n')
    records = dict(numbered_records(path))
    assert list(records) == [1, 2, 4, 5]
    assert isinstance(records[2], BadRecord) and records[2].raw == b'{"b"\n'
    assert isinstance(records[4], BadRecord)
    assert records[5]["c"] != records[5]["c"]


def test_an_array_that_is_broken_at_its_beginning_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(record_files, "CHUNK", 100)
    text = io.StringIO("[{oops " + '"a" ' * 10_000)
    with pytest.raises(record_files.NoValue):
        list(record_files.json_values(text))
    assert text.tell() == 100


def test_columns_of_vectors_are_not_decoded_where_only_texts_are_wanted(tmp_path):
    table = pa.table(
        {
            "id": pa.array([b"0123456789abcdef"], pa.binary(16)),
            "vector": pa.array([[0.5, 0.25]], pa.list_(pa.float32())),
            "texts": pa.array([["a"]], pa.list_(pa.string())),
            "map": pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())),
            "kind": pa.array(["x"]).dictionary_encode(),
            "number": pa.array([1]),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    ((_, whole),) = read_records(tmp_path / "rows.parquet")
    assert whole["id"] == uuid.UUID(bytes=b"0123456789abcdef") and list(whole) == table.column_names
    ((_, texts),) = read_records(tmp_path / "rows.parquet", only_texts=True)
    assert texts == {"id": whole["id"], "texts": ["a"], "map": [("k", "v")], "kind": "x"}


def test_two_columns_of_one_name_are_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "r.parquet")
    with pytest.raises(BadFile, match='two columns are called "text"'):
        list(read_records(tmp_path / "r.parquet"))
