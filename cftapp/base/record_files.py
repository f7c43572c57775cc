"""Files of records, one reader for every door: JSON lines, JSON, CSV and Parquet, in constant memory.

The name says the format: `.jsonl` or `.ndjson` (an object a line), `.json` (an array of objects, or objects one after
another), `.csv` (the first row names the columns), each plain, `.gz` or `.zst`; and `.parquet`. Text is UTF-8, with or
without a byte order mark. BadFile names the file, the line (or the row, where lines say little) and the remedy.
"""

import csv
import gzip
import io
import json
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import IO, Any, cast

Record = dict[str, Any]

JSON_LINES = (".jsonl", ".ndjson")
PLAIN = (*JSON_LINES, ".json", ".csv")
PACKINGS = (".gz", ".zst")
PARQUET = ".parquet"
FORMATS = (*(kind + packing for kind in PLAIN for packing in ("", *PACKINGS)), PARQUET)

PIECE = 1 << 26  # bytes between two signs of life of whoever reads a long file through
CHUNK = 1 << 20  # characters of an array that are read at once
BATCH = 128  # rows of a Parquet file in memory at once: each may hold a megabyte
LONGEST_CELL = 1 << 30  # characters of a text
LONGEST_WORD = 16  # characters of what is no text in JSON, such as `-Infinity`


class BadFile(ValueError):
    """A file that cannot be read or written as asked."""


class BadRecord(ValueError):
    """A line or row that holds no record; what is behind it can be read. `raw` is the line where there is one."""

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.raw = raw


@dataclass(frozen=True)
class Mark:
    """Where a range of rows begins: rows before it, lines before it and (JSON lines) its byte, uncompressed."""

    row: int = 0
    line: int = 0
    offset: int = 0


START = Mark()


# --- names ------------------------------------------------------------------------------------------------------------
def format_of(path: PurePath, formats: tuple[str, ...] = FORMATS) -> str:
    """The format that the file's name says, such as `.csv.gz`. Raises BadFile for one that is not among `formats`."""
    name = path.name.lower()
    for ending in formats:
        if name.endswith(ending):
            return ending
    packed = " (also as .gz or .zst)" if formats == FORMATS else ""
    named = (*PLAIN, PARQUET) if formats == FORMATS else formats
    raise BadFile(f"{path}: its name says no known format: end it in {', '.join(named[:-1])}{packed} or {named[-1]}.")


def kind_of_file(path: PurePath) -> str:
    """The format without its compression."""
    ending = format_of(path)
    return ending.removesuffix(".gz").removesuffix(".zst")


def has_lines(path: PurePath) -> bool:
    """Whether a record is a line."""
    return kind_of_file(path) in JSON_LINES


def place(path: PurePath, number: int) -> str:
    """Where a record is, in words."""
    return f"{path}, {unit_of(path)} {number}"


def unit_of(path: PurePath) -> str:
    return "line" if has_lines(path) else "row"


def kind_of(value: object) -> str:
    """A JSON value's type, as people call it."""
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "text"}
    return kinds.get(type(value), "null" if value is None else f"a {type(value).__name__}")


# --- records ----------------------------------------------------------------------------------------------------------
def read_records(
    path: Path, mark: Mark = START, most: int | None = None, only_texts: bool = False
) -> Iterator[tuple[int, Record]]:
    """Numbered records of the file from `mark` on, at most `most`. The first that is none raises BadFile."""
    for number, record in islice(numbered_records(path, mark, only_texts), most):
        if isinstance(record, BadRecord):
            raise BadFile(f"{place(path, number)}: {record}") from record
        yield number, record


def numbered_records(
    path: Path, mark: Mark = START, only_texts: bool = False
) -> Iterator[tuple[int, Record | BadRecord]]:
    """The records of the file from `mark` on, each with its number, from 1: of its line, or else of its row.

    `only_texts`: columns of Parquet that hold neither a text nor the id are left out, which spares decoding vectors.
    """
    if has_lines(path):
        for number, line in numbered_lines(path, mark):
            yield number, record_of(line, first=number == 1)
    elif kind_of_file(path) == PARQUET:
        yield from parquet_records(path, mark, only_texts)
    else:
        records = json_records(path) if kind_of_file(path) == ".json" else csv_records(path)
        yield from islice(records, mark.row, None)


def once(pairs: list[tuple[str, Any]]) -> Record:
    """An object whose names differ: of two values under one name, a reader drops the first and another the second."""
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(json.dumps(name[:60]) for name in names if names.count(name) > 1)} is there twice")
    return record


DECODER = json.JSONDecoder(object_pairs_hook=once)


def record_of(line: bytes, first: bool = False) -> Record | BadRecord:
    """The object on a line of JSON. What JSON cannot say but Python writes (NaN) is read, too."""
    try:
        value = DECODER.decode(line.decode("utf-8-sig" if first else "utf-8"))
    except UnicodeDecodeError as problem:
        return BadRecord(f"byte {problem.start + 1} is not UTF-8: save the file as UTF-8.", line)
    except json.JSONDecodeError as problem:
        return BadRecord(f"no JSON at column {problem.colno} ({problem.msg}): one object a line.", line)
    except RecursionError:
        return BadRecord("no JSON that can be read (nested too deeply): one plain object a line.", line)
    except ValueError as problem:  # a number of thousands of digits, a name that is there twice
        return BadRecord(f"no JSON that can be read ({problem}): one plain object a line.", line)
    return value if isinstance(value, dict) else no_object(value, "one object a line", line)


def no_object(value: object, wanted: str, raw: bytes = b"") -> BadRecord:
    return BadRecord(f'it is {kind_of(value)}: {wanted}, such as {{"id": 1, "text": "…"}}.', raw)


def numbered_lines(path: Path, mark: Mark = START) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers."""
    with opened(path) as file:
        skip(file, mark.offset)
        for number, line in enumerate(file, mark.line + 1):
            if line.strip():
                yield number, line


def skip(file: IO[bytes], offset: int) -> None:
    """Go on to this byte, whether or not the file can be read from anywhere."""
    if file.seekable():
        file.seek(offset)
        return
    while offset:
        offset -= len(file.read(min(offset, PIECE))) or offset


@contextmanager
def opened(path: Path, unpack: bool = True) -> Iterator[IO[bytes]]:
    """The file's bytes, uncompressed; what the system or the compression complains of becomes BadFile."""
    packing = path.suffix.lower() if unpack and path.suffix.lower() in PACKINGS else ""
    try:
        with path.open("rb") as stored, unpacked(stored, packing) as file:
            yield file
    except FileNotFoundError as problem:
        raise BadFile(f"{path}: there is no such file: check the path.") from problem
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise BadFile(f"{path}: its compression is damaged ({problem}): compress it again.") from problem
    except OSError as problem:
        if packing and problem.errno is None:
            raise BadFile(f"{path}: its compression is damaged ({problem}): compress it again.") from problem
        raise BadFile(f"{path}: it cannot be read: {problem.strerror or problem}.") from problem


@contextmanager
def unpacked(stored: IO[bytes], packing: str) -> Iterator[IO[bytes]]:
    if packing == ".gz":
        with gzip.GzipFile(fileobj=stored) as file:
            yield cast(IO[bytes], file)
    elif packing == ".zst":
        import pyarrow as pa

        with pa.CompressedInputStream(stored, "zstd") as stream:
            yield cast(IO[bytes], io.BufferedReader(stream, CHUNK))
    else:
        yield stored


# --- JSON that is no lines --------------------------------------------------------------------------------------------
def json_records(path: Path) -> Iterator[tuple[int, Record | BadRecord]]:
    """The elements of an array, or values one after another."""
    number = 0
    try:
        with opened(path) as file, decoded(file) as text:
            for number, value in enumerate(json_values(text), 1):
                yield number, value if isinstance(value, dict) else no_object(value, "a row is an object")
    except UnicodeDecodeError as problem:
        raise BadFile(f"{path}: it is not UTF-8 behind row {number}: save the file as UTF-8.") from problem
    except RecursionError as problem:
        raise BadFile(f"{place(path, number + 1)}: no JSON that can be read (nested too deeply).") from problem
    except NoValue as problem:
        raise BadFile(
            f"{place(path, number + 1)}: no JSON ({problem}): give an array of objects, or objects one after another."
        ) from problem


@contextmanager
def decoded(file: IO[bytes]) -> Iterator[IO[str]]:
    text = io.TextIOWrapper(file, "utf-8-sig")
    try:
        yield text
    finally:
        text.detach()  # whoever opened the file closes it


class NoValue(ValueError):
    """What stands here is no JSON."""


class Stream:
    """Text of which a piece is in memory: from `at` on it has not been read yet."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self.text, self.at = file, "", 0

    def more(self) -> bool:
        """Read on, twice as much as is waiting; False at the end."""
        waiting = self.text[self.at :]
        read = self._file.read(max(CHUNK, len(waiting)))
        self.text, self.at = waiting + read, 0
        return bool(read)

    def peek(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            while self.at < len(self.text):
                if (character := self.text[self.at]) not in " \t\r\n":
                    return character
                self.at += 1
            if not self.more():
                return ""

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                value, self.at = DECODER.raw_decode(self.text, self.at)
                return value
            except json.JSONDecodeError as problem:
                if not self.may_go_on(problem) or not self.more():
                    raise NoValue(problem.msg) from problem
            except ValueError as problem:
                raise NoValue(str(problem)) from problem

    def may_go_on(self, problem: json.JSONDecodeError) -> bool:
        """Whether what follows may make a value of it: nothing else is a reason to read a long file into memory."""
        if problem.msg.startswith("Unterminated string"):
            return len(self.text) - problem.pos < LONGEST_CELL
        return problem.pos > len(self.text) - LONGEST_WORD


def json_values(file: IO[str]) -> Iterator[Any]:
    stream = Stream(file)
    if stream.peek() != "[":
        while stream.peek():
            yield stream.value()
        return
    stream.at += 1
    follows = stream.peek()
    while follows != "]":
        yield stream.value()
        follows = stream.peek()
        if follows not in (",", "]"):
            raise NoValue("a comma or the end of the array is missing")
        stream.at += follows == ","
    stream.at += 1
    if stream.peek():
        raise NoValue("something follows the array")


# --- CSV --------------------------------------------------------------------------------------------------------------
def csv_records(path: Path) -> Iterator[tuple[int, Record | BadRecord]]:
    """The rows below the names of the columns, as texts. An empty id is none; an empty row is skipped."""
    csv.field_size_limit(LONGEST_CELL)
    number = 0
    with opened(path) as file:
        rows = (cells for cells in csv.reader(decoded_lines(path, file), strict=True) if cells)
        try:
            names = next(rows, [])
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise BadFile(f"{path}: two columns are called {json.dumps(twice)}: give each its own name.")
            for number, cells in enumerate(rows, 1):
                if len(cells) != len(names):
                    message = f"it has {len(cells)} cells, and there are {len(names)} columns"
                    yield number, BadRecord(f"{message}: quote what holds a comma.", ",".join(cells).encode())
                    continue
                record = dict(zip(names, cells, strict=True))
                if record.get("id") == "":
                    del record["id"]
                yield number, record
        except csv.Error as problem:
            raise BadFile(f"{place(path, number + 1)}: no CSV ({problem}): quote every cell.") from problem


def decoded_lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as problem:
            words = f"line {number}: byte {problem.start + 1} is not UTF-8: save the file as UTF-8"
            raise BadFile(f"{path}, {words}.") from problem


# --- Parquet ----------------------------------------------------------------------------------------------------------
def parquet_records(path: Path, mark: Mark, only_texts: bool = False) -> Iterator[tuple[int, Record]]:
    import pyarrow as pa

    number = mark.row
    try:
        with opened(path) as file:
            for batch in parquet_batches(file, mark.row, only_texts):
                uuids = uuid_columns(batch.schema)
                for record in batch.to_pylist():
                    number += 1
                    yield number, with_uuids(record, uuids) if uuids else record
    except (pa.ArrowException, UnicodeDecodeError) as problem:
        words = str(problem).splitlines()[0]
        raise BadFile(f"{path}: it cannot be read as Parquet after row {number}: {words}.") from problem


def parquet_batches(file: IO[bytes], skipped: int, only_texts: bool = False) -> Iterator[Any]:
    """Small record batches without the first `skipped` rows; `only_texts`: of the columns that may hold a text."""
    import pyarrow.parquet as pq

    whole = pq.ParquetFile(file)
    names = whole.schema_arrow.names
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadFile(f"{file.name}: two columns are called {json.dumps(twice)}: give each its own name.")
    sizes = [whole.metadata.row_group(i).num_rows for i in range(whole.num_row_groups)]
    groups = list(range(len(sizes)))
    while groups and skipped >= sizes[groups[0]]:
        skipped -= sizes[groups.pop(0)]
    if not groups:
        return
    columns = text_columns(whole.schema_arrow) if only_texts else None
    for batch in whole.iter_batches(BATCH, row_groups=groups, columns=columns):
        kept = batch.slice(min(skipped, batch.num_rows))
        skipped -= batch.num_rows - kept.num_rows
        yield kept


def text_columns(schema: Any) -> list[str]:
    """The id, and the columns in which a text may stand: no numbers, times or vectors."""
    return [field.name for field in schema if field.name == "id" or may_hold_text(field.type)]


def may_hold_text(type: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_nested(type):
        return any(may_hold_text(type.field(i).type) for i in range(type.num_fields))
    if types.is_dictionary(type):
        return may_hold_text(type.value_type)
    return not (types.is_primitive(type) or types.is_null(type) or types.is_decimal(type))


def uuid_columns(schema: Any) -> list[str]:
    """Columns of 16 bytes: that is how a UUID is stored."""
    import pyarrow as pa

    return [field.name for field in schema if pa.types.is_fixed_size_binary(field.type) and field.type.byte_width == 16]


def with_uuids(record: Record, names: list[str]) -> Record:
    return record | {name: uuid.UUID(bytes=record[name]) for name in names if record[name] is not None}
