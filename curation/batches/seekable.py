"""A working copy of a file of rows in which every range begins at once: plain JSON lines, or small row groups.

A packed file can only be unpacked from its first byte, an array or CSV only be read from its first row, a row group of
Parquet only be decoded from its first row; so the ranges of a long file would do so again and again. The copy has the
same rows, numbers and marks as its file: whoever finds none reads the file itself, and is slower.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cftapp.base import files
from cftapp.base.record_files import (
    PACKINGS,
    PARQUET,
    PIECE,
    BadFile,
    has_lines,
    kind_of_file,
    opened,
    parquet_batches,
    read_records,
)
from curation.batches.row_files import ROWS_A_SIGN

GROUP_ROWS, GROUP_BYTES = 10_000, 1 << 25
ROOM = 2 << 30
"""Bytes that a copy leaves free on its disk: others write to it too."""


class NoCopy(Exception):
    """None can be made; what is wrong with the file is told by whoever reads it."""


def make_copy(source: Path, folder: Path, alive: Callable[[], object]) -> bool:
    """Make the copy that `source` needs in `folder`; False where it needs none, or none can be made.

    `alive` is called every now and then.
    """
    pieces = unpacked if has_lines(source) else regrouped if kind_of_file(source) == PARQUET else as_lines
    try:
        if pieces is unpacked and source.suffix.lower() not in PACKINGS:
            raise NoCopy
        with written(copy_of(source, folder)) as file:
            for _ in pieces(source, file):
                if shutil.disk_usage(folder).free < ROOM:
                    raise NoCopy
                alive()
    except (NoCopy, BadFile):
        return False
    return True


def copy_of(source: Path, folder: Path) -> Path:
    """Where the copy is, if there is one."""
    return folder / ("input.parquet" if kind_of_file(source) == PARQUET else "input.jsonl")


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all. Raises NoCopy where the system cannot write it."""
    try:
        with files.replacing(path, durable=False) as file:
            yield file
    except OSError as problem:
        raise NoCopy from problem


def unpacked(source: Path, target: IO[bytes]) -> Iterator[None]:
    with opened(source) as file:
        while piece := file.read(PIECE):
            target.write(piece)
            yield


def as_lines(source: Path, target: IO[bytes]) -> Iterator[None]:
    """Every row as a line: its row number becomes that of its line."""
    for number, record in read_records(source):
        target.write(json.dumps(record).encode() + b"\n")
        if number % ROWS_A_SIGN == 0:
            yield
    yield


def regrouped(source: Path, target: IO[bytes]) -> Iterator[None]:
    """The columns that matter, in row groups that are short and hold few bytes."""
    import pyarrow as pa

    try:
        with opened(source) as file:
            if not has_long_groups(file):
                raise NoCopy
            yield from write_groups(parquet_batches(file, 0, only_texts=True), target)
    except pa.ArrowException as problem:
        raise NoCopy from problem


def has_long_groups(file: IO[bytes]) -> bool:
    """Whether it takes long to reach the last row of a row group."""
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(file).metadata
    return any(metadata.row_group(i).num_rows > 2 * GROUP_ROWS for i in range(metadata.num_row_groups))


def write_groups(batches: Iterator[Any], target: IO[bytes]) -> Iterator[None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(batches)
    if not first.num_columns:  # rows of nothing cannot be written
        raise NoCopy
    waiting, rows, size = [first], first.num_rows, first.nbytes
    with pq.ParquetWriter(target, first.schema, compression="zstd") as writer:
        for batch in batches:
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting, rows, size = [], 0, 0
                yield
            waiting.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
        writer.write_table(pa.Table.from_batches(waiting))
    yield
