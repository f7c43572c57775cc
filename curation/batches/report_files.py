"""Reports as files: JSON lines or Parquet, written whole or not at all.

The Parquet columns are the contract with other engines: row_id (string), item_id (string, null for a clean row), method
(string, empty for a clean row), score (float64), epoch (int32; 0: a throw-away registry); verdict, limit, unread
(columns that held a text which was not read) and languages (other than the items', that the row is in) besides.
The schema's metadata says what it was screened with, under keys that begin with `cftapp.`.
"""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from cftapp.base import files
from cftapp.base.record_files import BadFile, Record, format_of
from curation.batches.row_files import Id

FORMATS = (".jsonl", ".jsonl.gz", ".parquet")


class Report(Protocol):
    """Takes records as `curation.batches.row_screening.verdict_of` makes them, in the order of the rows."""

    def write(self, records: Sequence[Record]) -> None: ...


class JsonLines:
    """One object a line, in ASCII: whatever an id holds, the file is UTF-8 and every line is JSON."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, records: Sequence[Record]) -> None:
        self._file.writelines(json.dumps(record).encode() + b"\n" for record in records)


class Parquet:
    """Row groups of 50,000 rows, compressed."""

    GROUP = 50_000

    def __init__(self, file: IO[bytes], metadata: Mapping[str, str]) -> None:
        import pyarrow.parquet as pq

        self._schema = parquet_schema(metadata)
        self._writer = pq.ParquetWriter(file, self._schema)
        self._waiting: list[Record] = []

    def write(self, records: Sequence[Record]) -> None:
        self._waiting += [parquet_record(record) for record in records]
        if len(self._waiting) >= self.GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting = []


def parquet_schema(metadata: Mapping[str, str]) -> Any:
    """The columns that other engines read and write, and the file's metadata."""
    import pyarrow as pa

    columns = [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("item_id", pa.string()),
        pa.field("method", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("epoch", pa.int32(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("limit", pa.float64(), nullable=False),
        pa.field("unread", pa.list_(pa.string()), nullable=False),
        pa.field("languages", pa.list_(pa.string()), nullable=False),
    ]
    return pa.schema(columns, metadata={f"cftapp.{name}": value for name, value in metadata.items()})


def parquet_record(record: Record) -> Record:
    """Ids as strings; what no UTF-8 can hold becomes a question mark."""
    item = record["item_id"]
    return {
        **record,
        "row_id": storable(record["id"]),
        "item_id": None if item is None else storable(item),
        "unread": [storable(path) for path in record["unread"]],
    }


def storable(identity: Id) -> str:
    return str(identity).encode("utf-8", "replace").decode()


@contextmanager
def writing(path: Path, metadata: Mapping[str, str]) -> Iterator[Report]:
    """A report that takes the place of `path` when all went well; otherwise what was there stays as it was."""
    ending = format_of(path, FORMATS)
    theirs: OSError | None = None
    try:
        with files.replacing(path) as file, formatted(file, ending, metadata) as report:
            try:
                yield NamedReport(report, path)
            except OSError as problem:
                theirs = problem
                raise
    except OSError as problem:
        if problem is theirs:  # about another file, or no file at all
            raise
        raise unwritable(path, problem) from problem


@contextmanager
def formatted(file: IO[bytes], ending: str, metadata: Mapping[str, str]) -> Iterator[Report]:
    """A report in the format of this ending; what is behind its last record is written at the end."""
    if ending == ".parquet":
        with closing(Parquet(file, metadata)) as columns:
            yield columns
    elif ending == ".jsonl.gz":
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            yield JsonLines(packed)  # type: ignore[arg-type]
    else:
        yield JsonLines(file)


class NamedReport:
    """A report that says, where it cannot be written, which file that is about."""

    def __init__(self, report: Report, path: Path) -> None:
        self._report, self._path = report, path

    def write(self, records: Sequence[Record]) -> None:
        try:
            self._report.write(records)
        except OSError as problem:
            raise unwritable(self._path, problem) from problem


def unwritable(path: Path, problem: OSError) -> BadFile:
    return BadFile(f"{path}: it cannot be written: {problem.strerror or problem}.")
