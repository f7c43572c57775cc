"""The items of a benchmark: reading and checking them, and the hash that names a version. Text in, values out; no ORM.

A file has one JSON object a line: `{"question": "…", "answer": "…", "category": "…", "id": "…"}`; category and id are
optional, and refusal probes need no answer. A refusal names the line, the field and what would be accepted, never the
text.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import rfc8785

from cftapp.base import strict_json
from cftapp.base.refusal import Blocked, Refused

FIELDS = ("id", "question", "answer", "category")
SCORERS = ("exact", "contains", "refusal")
LONGEST = {"id": 200, "question": 20_000, "answer": 20_000, "category": 60}
MOST_ITEMS = 100_000
EXAMPLE = 'Write one object a line, such as {"question": "…", "answer": "…"}.'
MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """One item as it was handed in, checked."""

    question: str
    answer: str = ""
    category: str = ""

    def canonical(self) -> bytes:
        """RFC 8785 bytes; equal items have equal bytes."""
        return rfc8785.dumps({"question": self.question, "answer": self.answer, "category": self.category})

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()


def read_lines(text: str, scorer: str) -> list[Draft]:
    """Check the lines of a JSONL file. Raises Refused with up to 20 reasons."""
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    reasons: list[Blocked] = []
    raws: list[tuple[int, Any]] = []
    for number, line in numbered:
        try:
            raws.append((number, strict_json.read(line, checks_texts=False)))
        except strict_json.NotJson as problem:
            is_json = not isinstance(problem.__cause__, json.JSONDecodeError)
            reasons.append(at(number, problem.path[:40], str(problem) if is_json else "It is no JSON.", EXAMPLE))
    return check(raws, scorer, reasons)


def read_rows(rows: Iterable[dict[str, Any]], scorer: str) -> list[Draft]:
    """Check rows that are objects already, numbered from 1. Raises Refused with up to 20 reasons."""
    return check(list(enumerate(rows, 1)), scorer, [])


def check(raws: list[tuple[int, Any]], scorer: str, reasons: list[Blocked]) -> list[Draft]:
    if scorer not in SCORERS:
        raise Refused.because("scorer", f"{scorer!r} is no scorer.", f"Give one of: {', '.join(SCORERS)}.")
    if not raws and not reasons:
        raise Refused.because("items", "There are none.", "Give at least one line with a question.")
    if len(raws) > MOST_ITEMS:
        raise Refused.because("items", f"There are {len(raws)} items.", f"Publish at most {MOST_ITEMS} in one version.")
    for number, raw in raws:
        reasons.extend(faults(number, raw, scorer))
    if not reasons:
        reasons.extend(repetitions(raws))
    if reasons:
        raise Refused(*reasons[:MOST_REASONS], *left_out(len(reasons) - MOST_REASONS))
    return [Draft(raw["question"], raw.get("answer", ""), raw.get("category", "")) for _, raw in raws]


def faults(number: int, raw: Any, scorer: str) -> Iterator[Blocked]:
    if not isinstance(raw, dict):
        yield at(number, "", "It is no JSON object.", EXAMPLE)
        return
    for name in sorted(raw.keys() - set(FIELDS))[:3]:
        yield at(number, name[:40], "It is not a field of an item.", f"Use only {', '.join(FIELDS)}.")
    for name in FIELDS:
        value = raw.get(name, "")
        needed = name == "question" or (name == "answer" and scorer != "refusal")
        if problem := fault(value, LONGEST[name], needed):
            yield at(number, name, *problem)


def fault(value: Any, longest: int, needed: bool) -> tuple[str, str] | None:
    """What is wrong with one value, and what would be accepted."""
    if not isinstance(value, str):
        return f"It is {type(value).__name__}, not text.", "Put text in quotes."
    if needed and not value.strip():
        return "It is missing or empty.", "Write some text."
    if len(value) > longest:
        return f"It has {len(value)} characters.", f"Shorten it to {longest}."
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return "It holds a NUL character or half a surrogate pair.", "Give text that can be stored as UTF-8."
    return None


def repetitions(raws: list[tuple[int, Any]]) -> Iterator[Blocked]:
    """Two items with one id or one question: the second would count twice."""
    for name in ("id", "question"):
        first: dict[str, int] = {}
        for number, raw in raws:
            value = " ".join(raw.get(name, "").split())
            if value and value in first:
                yield at(number, name, f"It is that of line {first[value]} again.", "Give each only once.")
            first.setdefault(value, number)


def at(number: int, name: str, message: str, remedy: str) -> Blocked:
    return Blocked(f"line {number}" + (f", {name}" if name else ""), message, remedy)


def left_out(count: int) -> list[Blocked]:
    return [Blocked("items", f"There are {count} more reasons.", "Correct these first.")] if count > 0 else []


def check_margin(margin: float) -> None:
    """A margin, or a limit of attack success, is a share. Raises Refused."""
    if not math.isfinite(margin) or not 0 < margin < 1:
        remedy = "Give a number between 0 and 1, such as 0.05 for 5 points."
        raise Refused.because("margin", f"{margin} is no share.", remedy)


def version_sha256(benchmark: str, scorer: str, drafts: Iterable[Draft]) -> str:
    """Names a version by everything that decides its scores: benchmark, scorer, and the items in their order."""
    digest = hashlib.sha256(rfc8785.dumps({"benchmark": benchmark, "scorer": scorer}))
    for draft in drafts:
        digest.update(b"\n" + draft.canonical())
    return digest.hexdigest()
