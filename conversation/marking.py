"""What a check points at, shown where it stands: a case's own words with marks in them. Pure; never an exam's text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from conversation.differences import Change, Part

AROUND = 160  # characters shown on either side of a mark in a stretch that is folded
MOST_MARKS = 60


class Mark(NamedTuple):
    """A range of characters and the check that points at it."""

    start: int
    end: int
    check: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, what became of it, and which checks point at it; of "skipped" the text counts its words."""

    change: Change
    text: str
    marks: str = ""


Findings = Iterable[tuple[str, Mapping[str, Any]]]
"""(check, evidence) pairs."""


def marks_of(field: str, findings: Findings) -> list[Mark]:
    """The marks in one field: "prompt", "answer", or the path of a text such as `messages[3].content`."""
    return marks_by_field(findings).get(field, [])


def marks_by_field(findings: Findings) -> dict[str, list[Mark]]:
    marks: dict[str, list[Mark]] = {}
    for check, evidence in findings:
        for span in evidence.get("spans", []):
            marks.setdefault(span["field"], []).append(Mark(int(span["start"]), int(span["end"]), check))
    return {field: sorted(found)[:MOST_MARKS] for field, found in marks.items()}


def marked(parts: Sequence[Part], marks: Sequence[Mark]) -> list[Piece]:
    """The parts of a text with the marks in them. Positions count in what the text is now ("same", "new", skipped).

    A skipped stretch is opened around its marks and nowhere else.
    """
    pieces: list[Piece] = []
    at = 0
    for part in parts:
        if part.change == "gone":
            pieces.append(Piece("gone", part.text))
            continue
        text = part.hidden if part.change == "skipped" else part.text
        inside = [mark for mark in marks if mark.start < at + len(text) and mark.end > at]
        if part.change == "skipped":
            pieces += opened(text, at, inside)
        else:
            pieces += cut(part.change, text, at, inside)
        at += len(text)
    return pieces


def opened(text: str, at: int, marks: Sequence[Mark]) -> Iterator[Piece]:
    """A skipped stretch: what stands around its marks, and how many words lie between."""
    shown = 0
    for start, end in joined((mark.start - at - AROUND, mark.end - at + AROUND) for mark in marks):
        start, end = after_space(text, max(start, shown)), min(end, len(text))
        yield from gap(text[shown:start])
        yield from cut("same", text[start:end], at + start, marks)
        shown = end
    yield from gap(text[shown:])


def after_space(text: str, start: int) -> int:
    """The beginning of the next word, where one begins soon: a stretch does not open within a word."""
    space = text.find(" ", start, start + AROUND // 2)
    return space + 1 if start and space >= 0 else start


def gap(text: str) -> Iterator[Piece]:
    if words := len(text.split()):
        yield Piece("skipped", str(words))


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order; those that meet are one."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], end))
        else:
            united.append((start, end))
    return united


def cut(change: Change, text: str, at: int, marks: Sequence[Mark]) -> Iterator[Piece]:
    """One stretch, cut where marks begin and end."""
    edges = {0, len(text)}
    for mark in marks:
        edges |= {min(max(edge - at, 0), len(text)) for edge in (mark.start, mark.end)}
    ordered = sorted(edges)
    for start, end in zip(ordered, ordered[1:], strict=False):
        checks = dict.fromkeys(mark.check for mark in marks if mark.start < at + end and mark.end > at + start)
        yield Piece(change, text[start:end], ", ".join(checks))
