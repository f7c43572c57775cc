"""The items of a benchmark: reading and checking them, and the hash that names a version. Text in, values out; no ORM.

A file has one JSON object a line: `{"question": "…", "answer": "…", "category": "…", "id": "…"}`; category and id are
optional, and refusal probes need no answer. In place of the question there may be `messages` (and `tools`) in OpenAI's
chat form, up to the answer, and the answer may be a message, with calls. A refusal names the line, the field and what
would be accepted, never the text.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import rfc8785

from cftapp.base import strict_json
from cftapp.base.refusal import Blocked, Refused
from conversation import (
    LONGEST_TEXT,
    Conversation,
    Message,
    NotAConversation,
    answer_of,
    answer_text,
    read,
    read_answer,
    stored_answer,
)

FIELDS = ("id", "question", "messages", "tools", "answer", "category")
SCORERS = ("exact", "contains", "refusal")
LONGEST = {"id": 200, "question": LONGEST_TEXT, "answer": LONGEST_TEXT, "category": 60}
MOST_ITEMS = 100_000
EXAMPLE = 'Write one object a line, such as {"question": "…", "answer": "…"}.'
MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """One item as it was handed in, checked. A question of a user and an answer that is a text are two texts; what is
    more has its JSON beside the text that it reads as.
    """

    question: str
    answer: str = ""
    category: str = ""
    conversation: str = ""
    answer_message: str = ""

    @classmethod
    def of(cls, asked: Conversation, answered: Message, category: str = "") -> "Draft":
        return cls(asked.text, answer_text(answered), category, asked.stored, stored_answer(answered))

    @property
    def row(self) -> dict[str, Any]:
        """The item as a file has it."""
        asked = json.loads(self.conversation) if self.conversation else {"question": self.question}
        answer = json.loads(self.answer_message) if self.answer_message else self.answer
        return {**asked, "answer": answer, "category": self.category}

    def canonical(self) -> bytes:
        """RFC 8785 bytes; equal items have equal bytes."""
        return rfc8785.dumps(self.row)

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
    drafts: list[Numbered] = []
    for number, raw in raws:
        try:
            draft = draft_of(number, raw, scorer)
            drafts.append(Numbered(number, raw.get("id", ""), draft))
        except Refused as refused:
            reasons.extend(refused.blockers)
    if not reasons:
        reasons.extend(repetitions(drafts))
    if reasons:
        raise Refused(*reasons[:MOST_REASONS], *left_out(len(reasons) - MOST_REASONS))
    return [numbered.draft for numbered in drafts]


class Numbered(NamedTuple):
    """An item, the number of its line, and its id where it has one."""

    number: int
    id: str
    draft: Draft


def draft_of(number: int, raw: Any, scorer: str) -> Draft:
    """The item that a line holds. Raises Refused with everything that is wrong with its fields."""
    if reasons := list(faults(number, raw, scorer)):
        raise Refused(*reasons)
    try:
        asked = read(raw["messages"], raw.get("tools")) if "messages" in raw else Conversation.of(raw["question"])
        answered = answer_in(raw.get("answer", ""), asked)
    except NotAConversation as problem:
        raise Refused(at(number, problem.path, problem.message, problem.remedy)) from problem
    if scorer != "refusal" and not answer_text(answered).strip():
        raise Refused(at(number, "answer", "It is empty.", "Write some text, or a call."))
    return Draft.of(asked, answered, raw.get("category", ""))


def answer_in(value: str | Message, asked: Conversation) -> Message:
    return answer_of(value) if isinstance(value, str) else read_answer(value, "answer", asked.tools)


def faults(number: int, raw: Any, scorer: str) -> Iterator[Blocked]:
    if not isinstance(raw, dict):
        yield at(number, "", "It is no JSON object.", EXAMPLE)
        return
    for name in sorted(raw.keys() - set(FIELDS))[:3]:
        yield at(number, name[:40], "It is not a field of an item.", f"Use only {', '.join(FIELDS)}.")
    has_messages = "messages" in raw
    if has_messages and "question" in raw:
        yield at(number, "messages", "There is a question as well.", "Give one of them.")
    if "tools" in raw and not has_messages:
        yield at(number, "tools", "They stand beside a question.", "Give messages in place of the question.")
    for name, longest in LONGEST.items():
        value = raw.get(name, "")
        needed = (name == "question" and not has_messages) or (name == "answer" and scorer != "refusal")
        if name == "answer" and isinstance(value, dict):
            continue
        if problem := fault(value, longest, needed):
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


def repetitions(drafts: Iterable[Numbered]) -> Iterator[Blocked]:
    """Two items with one id or one question: the second would count twice."""
    first: dict[tuple[str, str], int] = {}
    for number, name, draft in drafts:
        asked = "messages" if draft.conversation else "question"
        for field, value in (("id", name), (asked, draft.conversation or draft.question)):
            same = field, " ".join(value.split())
            if same[1] and same in first:
                yield at(number, field, f"It is that of line {first[same]} again.", "Give each only once.")
            first.setdefault(same, number)


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
