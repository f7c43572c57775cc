"""Rows, items and clean texts of files (see `cftapp.base.record_files`), read in constant memory.

Readers raise BadFile, which names the file, the line (or the row), the field and the remedy.
"""

import hashlib
import json
import math
import uuid
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cftapp.base.record_files import (
    PARQUET,
    PIECE,
    START,
    BadFile,
    Mark,
    Record,
    has_lines,
    kind_of,
    kind_of_file,
    opened,
    place,
    read_records,
)
from curation.batches.row_texts import EVERYTHING, Fields, Pair, conversation_in, has_words, pairs_beside, texts_of
from curation.checks.passages import Reading, readings

Id = str | int | float

ROWS_A_SIGN = 10_000
DEFAULT_BENCHMARK = "items"
TEXT, PROMPT_AND_ANSWER = {"id", "text"}, {"id", "prompt", "answer"}


class Row(NamedTuple):
    """One row to screen: its texts in pairs, and what was not read. `number` is its line (or row) in the file.

    `readings` are those of the conversation in it, if there is one.
    """

    number: int
    id: Id
    pairs: Sequence[Pair]
    unread: Sequence[str] = ()
    readings: Sequence[Reading] = ()


class ItemRow(NamedTuple):
    """One protected item of a file."""

    number: int
    id: Id
    benchmark: str
    question: str
    answer: str


# --- what a record holds ----------------------------------------------------------------------------------------------
def read_rows(path: Path, mark: Mark = START, most: int | None = None, fields: Fields = EVERYTHING) -> Iterator[Row]:
    """The rows from `mark` on, at most `most`. A row without an id has its number for one."""
    for number, record in read_records(path, mark, most, only_texts=True):
        yield row_of(path, number, record, fields)


def row_of(path: Path, number: int, record: Record, fields: Fields) -> Row:
    identity = id_of(path, number, record)
    if fields.take_everything and (pair := only_pair(record)):
        return Row(number, identity, (pair,))
    texts, unread = texts_of(record, fields)
    if not texts:
        among = f" in {', '.join(fields.chosen)}" if fields.chosen else ""
        raise BadFile(f'{place(path, number)}: it has no text{among}: give one, such as "text" ("" for an empty one).')
    conversation = conversation_in(record, fields)
    walked = readings(conversation) if conversation else ()
    return Row(number, identity, pairs_beside(conversation, record, texts), unread, walked)


def only_pair(record: Record) -> Pair | None:
    """The texts of a row that has nothing else: most rows of long files."""
    if isinstance(record.get("id"), str) and has_words(record["id"]):
        return None
    if record.keys() <= TEXT:
        text = record.get("text")
        return (text, "") if isinstance(text, str) else None
    if record.keys() <= PROMPT_AND_ANSWER:
        prompt, answer = record.get("prompt"), record.get("answer") or ""
        return (prompt, answer) if isinstance(prompt, str) and isinstance(answer, str) else None
    return None


def read_items(path: Path) -> list[ItemRow]:
    """All items: {"id", "question", "answer", "benchmark"}; only the question is needed. Ids must differ."""
    items = []
    for number, record in read_records(path):
        where = place(path, number)
        question = text_of(record, "question", where)
        if question is None:
            raise BadFile(f'{where}: "question" is missing: give the text of the item.')
        benchmark, answer = text_of(record, "benchmark", where), text_of(record, "answer", where)
        identity = id_of(path, number, record)
        items.append(ItemRow(number, identity, benchmark or DEFAULT_BENCHMARK, question, answer or ""))
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


def id_of(path: Path, number: int, record: Record) -> Id:
    """The record's id as given; its number where there is none. A binary one is a UUID's 16 bytes, or a text."""
    value = record.get("id")
    if type(value) is str or type(value) is int:
        return value
    if value is None:
        return number
    if isinstance(value, bytes):
        value = binary_id(value)
    if isinstance(value, uuid.UUID | str):
        return str(value)
    if not isinstance(value, float):
        raise BadFile(f'{place(path, number)}: "id" is {kind_of(value)}: give a number or a string.')
    if not math.isfinite(value):
        raise BadFile(f'{place(path, number)}: "id" is {value}: give a number or a string.')
    return value


def binary_id(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.hex()


def text_of(record: Record, name: str, where: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise BadFile(f'{where}: "{name}" is {kind_of(value)}: give a string.')
    return value


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
        wanted = next(places, None)
        for at, (number, record) in enumerate(read_records(path, only_texts=True)):
            if at % ROWS_A_SIGN == 0:
                alive()
            if at != wanted:
                continue
            identity = id_of(path, number, record)
            first = seen.setdefault(str(identity), number)
            if first != number:
                raise twice(path, identity, [first, number])
            wanted = next(places, None)


# --- ranges ----------------------------------------------------------------------------------------------------------
def ranges_of(path: Path, size: int, alive: Callable[[], object] = silent) -> tuple[list[Mark], int]:
    """Where each range of `size` rows begins, and how many rows there are. Reads the file once.

    `alive` is called every now and then.
    """
    if kind_of_file(path) == PARQUET:
        rows = parquet_rows(path)
        return [Mark(first, first) for first in range(0, rows, size)], rows
    if not has_lines(path):
        rows = counted(path, alive)
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


def parquet_rows(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened(path) as file:
            return int(pq.ParquetFile(file).metadata.num_rows)
    except pa.ArrowException as problem:
        raise BadFile(f"{path}: it is no Parquet file: {str(problem).splitlines()[0]}.") from problem


def counted(path: Path, alive: Callable[[], object]) -> int:
    """The rows of a file in which a row may have several lines."""
    number = 0
    for number, _ in read_records(path):
        if number % ROWS_A_SIGN == 0:
            alive()
    return number
