"""A corrected answer beside the one that was given: words as words, arguments of calls as JSON. For the eye."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from conversation.arguments import Change, changes
from conversation.differences import LONG, Part, difference
from conversation.layout import MOST_CALLS, Call, Difference, Marks, Passage, Turn, Writer
from conversation.marking import Piece
from conversation.shape import Message

Calls = Sequence[dict[str, Any]]
MOST_CHANGES = 40
LONGEST_VALUE = 2_000  # characters


def compare(answered: Message, right: Message, marks: Marks | None = None, *, whole: bool = False) -> Turn:
    """The right answer, with what went and what came in it; marks are those of the right answer."""
    writer = Writer(marks or {}, whole)
    before, after = answered.get("content") or "", right.get("content") or ""
    if isinstance(before, str) and isinstance(after, str):
        said = writer.pieces(difference(before, after, whole=whole), "answer.content")
        reasoning = [one for one in writer.passages(right, "answer", LONG) if one.kind == "reasoning"]
        passages = reasoning + ([Passage(said)] if said else [])
    else:
        passages = list(writer.passages(right, "answer", LONG))
    calls = list(compared_calls(answered.get("tool_calls", []), right.get("tool_calls", []), writer))
    shown = calls if whole else what_changed(calls)
    return Turn("assistant", [], passages, shown, more_calls=len(calls) - len(shown))


def what_changed(calls: Sequence[Call]) -> list[Call]:
    """Of very many calls some, in their order: those that changed before those that are as they were."""
    by_interest = sorted(range(len(calls)), key=lambda n: (calls[n].state == "same" and not calls[n].is_marked, n))
    return [calls[n] for n in sorted(by_interest[:MOST_CALLS])]


def compared_calls(before: Calls, after: Calls, writer: Writer) -> Iterator[Call]:
    """Calls of the same functions in the same order are the same calls; the others came or went."""
    old, new = ([call["function"]["name"] for call in calls] for calls in (before, after))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                yield compared(before[i], after[j], j, writer)
            continue
        for i in range(i1, i2):
            yield Call(writer.function(before[i], ""), writer.arguments(before[i], ""), state="gone")
        for j in range(j1, j2):
            path = f"answer.tool_calls[{j}]"
            yield Call(writer.function(after[j], path), writer.arguments(after[j], path), state="new")


def compared(before: dict[str, Any], after: dict[str, Any], index: int, writer: Writer) -> Call:
    path = f"answer.tool_calls[{index}]"
    differences = list(differing(before["function"]["arguments"], after["function"]["arguments"], writer.whole))
    return Call(
        writer.function(after, path),
        writer.arguments(after, path),
        state="changed" if differences else "same",
        differences=differences,
    )


def differing(before: str, after: str, whole: bool) -> Iterator[Difference]:
    """Argument by argument; as the texts that they are where one of them is no JSON."""
    found = changes(before, after)
    if found is None:
        if before != after:
            yield Difference("the whole", words(difference(before, after, whole=whole)))
        return
    shown = found if whole else found[:MOST_CHANGES]
    for change in shown:
        yield Difference(change.key, list(pieces_of(change, whole)))
    if len(shown) < len(found):
        yield Difference(f"{len(found) - len(shown)} more", [])


def pieces_of(change: Change, whole: bool) -> Iterator[Piece]:
    """A sentence is compared word by word, any other value with the one that it took the place of."""
    before, after = change.before, change.after
    if before is not None and after is not None and before[0] == after[0] == '"' and " " in before:
        yield from words(difference(before, after, whole=whole))
        return
    if before is not None:
        yield Piece("gone", cut(before, whole))
    if after is not None:
        yield Piece("new", cut(after, whole))


def cut(value: str, whole: bool) -> str:
    return value if whole or len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + " …"


def words(parts: Sequence[Part]) -> list[Piece]:
    return [Piece(part.change, part.text) for part in parts]
