"""Screening many rows at once: the same function for the command line, the workers and other engines."""

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cftapp.base.record_files import BadFile, Record
from curation.batches import report_files
from curation.batches.row_files import Distinct, Id, ItemRow, Row, read_rows
from curation.batches.row_texts import EVERYTHING, Fields
from curation.checks.comparison import compared, languages_of, strongest
from curation.checks.findings import coarse
from curation.decontamination.meaning.comparing import encoder_name
from curation.decontamination.translation.languages import name_of

if TYPE_CHECKING:
    from curation.decontamination.overlap import Overlap
    from curation.decontamination.registry import Registry

MOST_ROWS, MOST_CHARACTERS = 512, 1_000_000
"""Of one call of the registry: bounds the memory, and the time between two signs of life."""

CLEAN, BLOCKED = "clean", "blocked"


@dataclass
class Tally:
    """What became of the rows so far. `unread`: in how many rows each column held a text that was not read;
    `languages`: how many rows are, at least in part, in each language other than the items'.
    """

    rows: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)

    @property
    def blocked(self) -> int:
        return self.methods.total()

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self.rows += 1
            self.unread.update(record["unread"])
            self.languages.update(record["languages"])
            if record["verdict"] == BLOCKED:
                self.methods[record["method"]] += 1

    @property
    def in_languages(self) -> str:
        return ", ".join(f"{name_of(code)} {rows:,}" for code, rows in sorted(self.languages.items())) or "none"

    def __str__(self) -> str:
        by_method = ", ".join(f"{method} {count:,}" for method, count in sorted(self.methods.items()))
        return f"{self.rows - self.blocked:,} clean, {self.blocked:,} blocked" + (
            f" ({by_method})" if by_method else ""
        )


def unread_words(source: Path, tally: Tally, unnamed: Sequence[str]) -> list[str]:
    """What of a file was not read, and what follows from it."""
    if not tally.unread:
        return []
    columns = ", ".join(f"{name} ({rows:,} rows)" for name, rows in sorted(tally.unread.items()))
    lines = [f"{source}: not read: {columns}."]
    if unnamed:
        names = ", ".join(unnamed)
        lines.append(f"“Clean” says nothing about {names}: read them (--fields), or name them (--leave-out).")
    return lines


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in order, in lists that are short and hold few characters."""
    waiting: list[Row] = []
    characters = 0
    for row in rows:
        waiting.append(row)
        characters += sum(len(first) + len(second) for first, second in row.pairs)
        characters += sum(len(reading.text) for reading in row.readings)
        if len(waiting) >= MOST_ROWS or characters >= MOST_CHARACTERS:
            yield waiting
            waiting, characters = [], 0
    if waiting:
        yield waiting


def screened(rows: Iterable[Row], registry: "Registry", ids: Mapping[str, Id] | None = None) -> Iterator[list[Record]]:
    """The verdicts of the rows, chunk by chunk, in order. `ids`: what the registry's item ids are called outside."""
    for chunk in chunks(rows):
        overlaps = iter(registry.screen([pair for row in chunk for pair in row.pairs], spans=False))
        walked = compared([list(row.readings) for row in chunk], registry) if any(r.readings for r in chunk) else None
        found = [[*islice(overlaps, len(row.pairs)), *(next(walked)[1] if walked else ())] for row in chunk]
        yield [verdict_of(row, whole_of(each), registry.number, ids) for row, each in zip(chunk, found, strict=True)]


def whole_of(overlaps: Sequence["Overlap"]) -> "Overlap":
    """The overlap that decides about a row, with the languages of all its texts."""
    return dataclasses.replace(strongest(overlaps), **languages_of(overlaps))


def verdict_of(row: Row, overlap: "Overlap", epoch: int, ids: Mapping[str, Id] | None = None) -> Record:
    """One line of a report. A clean row names no item and no method; its score is its containment.

    Compared with items of one's own (`ids`) it tells all; compared with the exam, a clean row's measures stay coarse.
    """
    blocked = overlap.blocked
    item: Id | None = overlap.item_id if blocked else None
    rounded = float if blocked or ids is not None else coarse
    return {
        "id": row.id,
        "verdict": BLOCKED if blocked else CLEAN,
        "method": overlap.method if blocked else "",
        "score": rounded(overlap.score),
        "limit": float(overlap.limit),
        "item_id": ids[str(item)] if blocked and ids is not None else item,
        "scores": {name: rounded(value) for name, value in overlap.scores.items() if math.isfinite(value)},
        "epoch": epoch,
        "unread": list(row.unread),
        "languages": list(overlap.languages),
    }


def protect(items: Sequence[ItemRow]) -> tuple[list[tuple[str, str, str, str]], dict[str, Id]]:
    """Items for `Registry.build`, under numbers of our own, and what those numbers are called outside.

    So an id may be anything that JSON can say: a number, a NUL, a megabyte.
    """
    return (
        [(str(n), item.benchmark, item.question, item.answer) for n, item in enumerate(items)],
        {str(n): item.id for n, item in enumerate(items)},
    )


def metadata_of(registry: "Registry", fields: Fields = EVERYTHING) -> dict[str, str]:
    """What a report was made with, for the file's metadata."""
    return {
        "epoch": str(registry.number),
        "registry_sha256": registry.header["sha256"],
        "normaliser": registry.header["normaliser"],
        "policy": json.dumps(dataclasses.asdict(registry.policy), sort_keys=True),
        "meaning": meaning_of(registry) or "not checked",
        "translations": registry.translator or "not checked",
        "fields": json.dumps(fields.chosen) if fields.chosen else "every text",
        "left_out": json.dumps(fields.left_out),
    }


def meaning_of(registry: "Registry") -> str:
    """The embedding model that takes part; empty where none does."""
    return encoder_name(registry.header["encoder"])


def screen_file(
    source: Path,
    target: Path,
    registry: "Registry",
    *,
    ids: Mapping[str, Id] | None = None,
    fields: Fields = EVERYTHING,
    progress: Callable[[Tally], object] = lambda tally: None,
) -> Tally:
    """Screen a file into a report: one record a row, in order. Raises BadFile, and `target` is as it was before."""
    if target.exists() and (target.is_dir() or target.samefile(source)):
        raise BadFile(f"{target}: it is {'a folder' if target.is_dir() else 'the input'}: name another file.")
    tally, distinct = Tally(), Distinct()
    with report_files.writing(target, metadata_of(registry, fields)) as report:
        for records in screened(read_rows(source, fields=fields), registry, ids):
            distinct.add(record["id"] for record in records)
            report.write(records)
            tally.add(records)
            progress(tally)
        if not tally.rows:
            raise BadFile(f'{source}: it holds no rows: give one {{"id", "text"}} a line.')
        distinct.check(source)
    return tally
