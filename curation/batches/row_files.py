"""Rows, items and clean texts as files: JSON lines (`.jsonl`, `.jsonl.gz`) or Parquet, read in constant memory.

Readers raise BadFile, which names the file, the line (or the row of a Parquet file), the field and the remedy.
"""

import gzip
import hashlib
import json
import math
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple, cast

import numpy as np

Record = dict[str, Any]
Id = str | int | float

JSON_LINES = (".jsonl", ".jsonl.gz")
FORMATS = (*JSON_LINES, ".parquet")
PIECE = 1 << 26  # bytes between two signs of life of whoever reads a long file through
ROWS_A_SIGN = 10_000
BATCH = 128  # rows of a Parquet file in memory at once: each may hold a megabyte
DEFAULT_BENCHMARK = "items"
READ_FIELDS = ("id", "text", "prompt", "question", "answer", "benchmark")


class BadFile(ValueError):
    """A file that cannot be read or written as asked."""


class Row(NamedTuple):
    """One row to screen; `number` is its line (Parquet: row) in the file, from 1."""

    number: int
    id: Id
    prompt: str
    answer: str


class ItemRow(NamedTuple):
    """One protected item of a file."""

    number: int
    id: Id
    benchmark: str
    question: str
    answer: str


@dataclass(frozen=True)
class Mark:
    """Where a range of rows begins: rows before it, lines before it and (JSON lines) its byte, uncompressed."""

    row: int = 0
    line: int = 0
    offset: int = 0


START = Mark()


def format_of(path: PurePath) -> str:
    """The format that the file's name says. Raises BadFile for any other."""
    for ending in FORMATS:
        if path.name.lower().endswith(ending):
            return ending
    raise BadFile(f"{path}: its name says no known format: end it in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")


# --- what a line holds ------------------------------------------------------------------------------------------------
def read_rows(path: Path, mark: Mark = START, most: int | None = None) -> Iterator[Row]:
    """The rows from `mark` on, at most `most`: {"id", "text"} or {"id", "prompt", "answer"}; other keys are ignored."""
    for number, record in read_records(path, mark, most):
        where = place(path, number)
        identity = id_of(record, where)
        prompt, text = text_of(record, "prompt", where), text_of(record, "text", where)
        if prompt is not None and text is not None:
            raise BadFile(f'{where}: it has both "text" and "prompt": keep the one that is trained on.')
        if prompt is None and text is None:
            raise BadFile(f'{where}: it has neither "text" nor "prompt": give one ("" for an empty one).')
        if prompt is None:
            yield Row(number, identity, text or "", "")
        else:
            yield Row(number, identity, prompt, text_of(record, "answer", where) or "")


def read_items(path: Path) -> list[ItemRow]:
    """All items: {"id", "question", "answer", "benchmark"}, the last two optional. Ids must differ."""
    items = []
    for number, record in read_records(path):
        where = place(path, number)
        question = text_of(record, "question", where)
        if question is None:
            raise BadFile(f'{where}: "question" is missing: give the text of the item.')
        benchmark = text_of(record, "benchmark", where) or DEFAULT_BENCHMARK
        items.append(ItemRow(number, id_of(record, where), benchmark, question, text_of(record, "answer", where) or ""))
    if not items:
        raise BadFile(f'{path}: it holds no items: give one {{"id", "question", "answer"}} a line.')
    seen: dict[str, int] = {}
    for item in items:
        first = seen.setdefault(str(item.id), item.number)
        if first != item.number:
            raise twice(path, item.id, [first, item.number])
    return items


def read_background(path: Path) -> Iterator[str]:
    """The texts of a clean reference: {"text"}, {"prompt", "answer"} or {"question", "answer"}."""
    number = 0
    for number, record in read_records(path):
        where = place(path, number)
        parts = [text_of(record, name, where) for name in ("text", "prompt", "question", "answer")]
        if all(part is None for part in parts[:3]):
            raise BadFile(f'{where}: it has no "text", "prompt" or "question": give one of them.')
        yield " ".join(part for part in parts if part)
    if not number:
        raise BadFile(f"{path}: it holds no texts: leave --background out, or give clean texts, one a line.")


def id_of(record: Record, where: str) -> Id:
    value = record.get("id")
    if value is None:
        raise BadFile(f'{where}: "id" is missing: give a number or a string.')
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadFile(f'{where}: "id" is {kind_of(value)}: give a number or a string.')
    if isinstance(value, float) and not math.isfinite(value):
        raise BadFile(f'{where}: "id" is {value}: give a number or a string.')
    return value


def text_of(record: Record, name: str, where: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise BadFile(f'{where}: "{name}" is {kind_of(value)}: give a string.')
    return value


def kind_of(value: object) -> str:
    """A JSON value's type, as people call it."""
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def place(path: Path, number: int) -> str:
    return f"{path}, {'row' if format_of(path) == '.parquet' else 'line'} {number}"


def twice(path: Path, identity: object, numbers: Sequence[int]) -> BadFile:
    where = place(path, numbers[1])
    return BadFile(f'{where}: "id" {json.dumps(identity)} is also on {numbers[0]}: give every one its own.')


def silent() -> None:
    """The sign of life of somebody whom nobody waits for."""


class Distinct:
    """Whether all ids of a long file differ, in 8 bytes an id. Equal fingerprints are compared by reading again."""

    def __init__(self) -> None:
        self._fingerprints = array("Q")

    def add(self, ids: Iterable[Id]) -> None:
        for id_ in ids:
            digest = hashlib.blake2b(str(id_).encode("utf-8", "surrogatepass"), digest_size=8).digest()
            self._fingerprints.append(int.from_bytes(digest, "little"))

    def check(self, path: Path, alive: Callable[[], object] = silent) -> None:
        """Raises BadFile, naming both lines, if an id of the file is there twice.

        `alive` is called every now and then while the file is read again.
        """
        ordered = np.sort(np.frombuffer(self._fingerprints, np.uint64))
        repeated = {int(fingerprint) for fingerprint in ordered[1:][ordered[1:] == ordered[:-1]]}
        places = (at for at, fingerprint in enumerate(self._fingerprints) if fingerprint in repeated)
        if not repeated:
            return
        seen: dict[str, int] = {}
        wanted, rows = next(places, None), enumerate(read_rows(path))
        for at, row in rows:
            if at % ROWS_A_SIGN == 0:
                alive()
            if at != wanted:
                continue
            first = seen.setdefault(str(row.id), row.number)
            if first != row.number:
                raise twice(path, row.id, [first, row.number])
            wanted = next(places, None)


# --- files of records -------------------------------------------------------------------------------------------------
def read_records(path: Path, mark: Mark = START, most: int | None = None) -> Iterator[tuple[int, Record]]:
    """Numbered objects of the file from `mark` on, at most `most`."""
    records = parquet_records(path, mark) if format_of(path) == ".parquet" else json_records(path, mark)
    return islice(records, most)


def json_records(path: Path, mark: Mark) -> Iterator[tuple[int, Record]]:
    for number, line in numbered_lines(path, mark):
        where = place(path, number)
        try:
            record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as problem:
            raise BadFile(f"{where}: byte {problem.start + 1} is not UTF-8: save the file as UTF-8.") from problem
        except json.JSONDecodeError as problem:
            raise BadFile(
                f"{where}: no JSON at column {problem.colno} ({problem.msg}): one object a line."
            ) from problem
        except (ValueError, RecursionError) as problem:  # a number of thousands of digits, a thousand brackets
            raise BadFile(f"{where}: no JSON that can be read ({problem}): one plain object a line.") from problem
        if not isinstance(record, dict):
            raise BadFile(f'{where}: it is {kind_of(record)}: one object a line, such as {{"id": 1, "text": "…"}}.')
        yield number, record


def numbered_lines(path: Path, mark: Mark = START) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers."""
    with opened(path) as file:
        file.seek(mark.offset)
        for number, line in enumerate(file, mark.line + 1):
            if line.strip():
                yield number, line


@contextmanager
def opened(path: Path, unpack: bool = True) -> Iterator[IO[bytes]]:
    """The file's bytes, uncompressed; what the system or the compression complains of becomes BadFile."""
    try:
        with path.open("rb") as stored:
            if unpack and path.name.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=stored) as unpacked:
                    yield cast(IO[bytes], unpacked)
            else:
                yield stored
    except FileNotFoundError as problem:
        raise BadFile(f"{path}: there is no such file: check the path.") from problem
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise BadFile(f"{path}: its compression is damaged ({problem}): compress it again.") from problem
    except OSError as problem:
        raise BadFile(f"{path}: it cannot be read: {problem.strerror or problem}.") from problem


def parquet_records(path: Path, mark: Mark) -> Iterator[tuple[int, Record]]:
    import pyarrow as pa

    number = mark.row
    try:
        with opened(path) as file:
            for batch in parquet_batches(file, mark.row):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except (pa.ArrowException, UnicodeDecodeError) as problem:
        words = str(problem).splitlines()[0]
        raise BadFile(f"{path}: it cannot be read as Parquet after row {number}: {words}.") from problem


def parquet_batches(file: IO[bytes], skip: int) -> Iterator[Any]:
    """Small record batches of the columns that matter, without the first `skip` rows."""
    import pyarrow.parquet as pq

    whole = pq.ParquetFile(file)
    columns = [name for name in READ_FIELDS if name in whole.schema_arrow.names]
    sizes = [whole.metadata.row_group(i).num_rows for i in range(whole.num_row_groups)]
    groups = list(range(len(sizes)))
    while groups and skip >= sizes[groups[0]]:
        skip -= sizes[groups.pop(0)]
    if not groups:
        return
    for batch in whole.iter_batches(BATCH, row_groups=groups, columns=columns):
        kept = batch.slice(min(skip, batch.num_rows))
        skip -= batch.num_rows - kept.num_rows
        yield kept


def ranges_of(path: Path, size: int, alive: Callable[[], object] = silent) -> tuple[list[Mark], int]:
    """Where each range of `size` rows begins, and how many rows there are. Reads the file once; parses nothing.

    `alive` is called every now and then.
    """
    if format_of(path) == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with opened(path) as file:
                rows = int(pq.ParquetFile(file).metadata.num_rows)
        except pa.ArrowException as problem:
            raise BadFile(f"{path}: it is no Parquet file: {str(problem).splitlines()[0]}.") from problem
        return [Mark(first, first) for first in range(0, rows, size)], rows
    marks, rows, offset, reported = [], 0, 0, 0
    with opened(path) as file:
        for before, line in enumerate(file):
            if line.strip():
                if rows % size == 0:
                    marks.append(Mark(rows, before, offset))
                rows += 1
            offset += len(line)
            if offset - reported >= PIECE:
                reported = offset
                alive()
    return marks, rows
