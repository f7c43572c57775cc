"""A conversation laid out for the eye: who speaks, what is folded, which result belongs to which call. Plain values.

What lies beyond a reader's eye (the middle of a long conversation, the end of a long text) is left out unless it is
wanted `whole`; what a check points at is always there, and a fold that holds such a mark is open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conversation.arguments import pretty
from conversation.differences import LONG, Part, folded
from conversation.marking import Mark, Piece, marked
from conversation.shape import (
    Conversation,
    Message,
    answer_text,
    content_text,
    definition_of,
    name_of,
    reference_text,
)
from conversation.walking import leaves

WORDS = {"system": "System", "developer": "Developer", "user": "User", "assistant": "Assistant", "tool": "Tool"}
INSTRUCTIONS = ("system", "developer")
A_LINE = 80  # characters: what a closed fold shows
LONG_TURN = 700  # characters: a longer message before the last question is folded
MOST_TURNS, AT_THE_END = 12, 8
MOST_CALLS, MOST_PARTS, MOST_TOOLS_SHOWN = 8, 8, 12
EARLIER = LONG // 2  # tokens of a message before the last question
Marks = Mapping[str, Sequence[Mark]]
"""What checks point at, by the path of the text."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a message: a text, or what stands for an image, a sound or a file."""

    pieces: list[Piece]
    kind: str = "text"  # or reference, reasoning

    @property
    def is_marked(self) -> bool:
        return has_marks(self.pieces)


@dataclass(frozen=True, slots=True)
class Difference:
    """One argument that is not what it was."""

    key: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function, with the results that it had. `state`: new, gone, changed, same, or nothing to say.

    Names are pieces here and below, because a check may point at one.
    """

    name: list[Piece]
    arguments: list[Piece]
    results: list[Passage] = field(default_factory=list)
    state: str = ""
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_marked(self) -> bool:
        return has_marks([*self.name, *self.arguments]) or any(result.is_marked for result in self.results)


@dataclass(frozen=True, slots=True)
class Turn:
    """A message as it is shown; an assistant's with the results of its calls. `fold`: "", closed or open."""

    role: str
    name: list[Piece]
    passages: list[Passage]
    calls: list[Call]
    more_calls: int = 0
    fold: str = ""
    preview: str = ""
    words: int = 0

    @property
    def word(self) -> str:
        return WORDS[self.role]

    @property
    def is_marked(self) -> bool:
        parts: list[Passage | Call] = [*self.passages, *self.calls]
        return has_marks(self.name) or any(one.is_marked for one in parts)


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages that are left out until they are wanted; `marked`: how many of them a check points at."""

    skipped: int
    marked: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model could call: what it is for, and what else of it a check points at."""

    name: list[Piece]
    description: list[Piece]
    others: list[Passage]


@dataclass(frozen=True, slots=True)
class Layout:
    """A conversation as a page shows it."""

    turns: list[Turn | Gap]
    tools: list[Tool]
    tools_are_marked: bool
    messages: int
    more_tools: int = 0

    @property
    def tool_names(self) -> str:
        return ", ".join(tool.name[0].text for tool in self.tools)


def has_marks(pieces: Iterable[Piece]) -> bool:
    return any(piece.marks for piece in pieces)


def lay_out(conversation: Conversation, marks: Marks | None = None, *, whole: bool = False) -> Layout:
    """The conversation up to where the model answers."""
    writer = Writer(marks or {}, whole)
    tools = list(writer.tools(conversation.tools))
    messages = conversation.messages
    return Layout(
        turns=list(writer.turns(messages)),
        tools=tools,
        tools_are_marked=any(path.startswith("tools[") for path in writer.marks),
        messages=len(messages),
        more_tools=len(conversation.tools) - len(tools),
    )


def lay_out_answer(answer: Message, marks: Marks | None = None, *, whole: bool = False) -> Turn:
    """An answer, never folded as a whole."""
    return Writer(marks or {}, whole).turn(answer, "answer", [], most=LONG)


def last_question(conversation: Conversation) -> str:
    """The last thing that the user said: what the model answered, in most conversations."""
    asked = [message for message in conversation.messages if message["role"] == "user"]
    return content_text(asked[-1].get("content")) if asked else ""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes messages as turns, with these marks, whole or not."""

    marks: Marks
    whole: bool

    def turns(self, messages: Sequence[Message]) -> Iterator[Turn | Gap]:
        groups = list(grouped(messages))
        last = max((n for n, group in enumerate(groups) if messages[group[0]]["role"] == "user"), default=0)
        kept = set(range(len(groups))) if self.whole else self.kept(messages, groups)
        gap: list[list[int]] = []
        for number, group in enumerate(groups):
            if number not in kept:
                gap.append(group)
                continue
            yield from self.gap(gap)
            gap = []
            path, results = f"messages[{group[0]}]", [(messages[i], f"messages[{i}]") for i in group[1:]]
            most = LONG if number >= last else EARLIER
            yield folded_turn(self.turn(messages[group[0]], path, results, most), messages[group[0]], number >= last)
        yield from self.gap(gap)

    def kept(self, messages: Sequence[Message], groups: Sequence[list[int]]) -> set[int]:
        """Which turns are shown at first: all of a short conversation; of a long one how it begins, how it ends, and
        what a check points at."""
        if len(groups) <= MOST_TURNS:
            return set(range(len(groups)))
        opening = {n for n in (0, 1) if messages[groups[n][0]]["role"] in INSTRUCTIONS}
        pointed = [number for number, group in enumerate(groups) if self.points_at(group)]
        return opening | set(pointed[:MOST_TURNS]) | set(range(len(groups) - AT_THE_END, len(groups)))

    def points_at(self, group: Sequence[int]) -> bool:
        return any(path.startswith(f"messages[{index}].") for index in group for path in self.marks)

    def gap(self, groups: Sequence[list[int]]) -> Iterator[Gap]:
        if groups:
            yield Gap(sum(map(len, groups)), sum(map(self.points_at, groups)))

    def turn(self, message: Message, path: str, results: Sequence[tuple[Message, str]], most: int) -> Turn:
        passages = list(self.passages(message, path, most))
        calls = message.get("tool_calls", [])
        shown = calls if self.whole else calls[:MOST_CALLS]
        return Turn(
            role=message["role"],
            name=self.named(message.get("name", ""), f"{path}.name"),
            passages=passages,
            calls=[self.call(call, f"{path}.tool_calls[{n}]", results, most) for n, call in enumerate(shown)],
            more_calls=len(calls) - len(shown),
        )

    def passages(self, message: Message, path: str, most: int) -> Iterator[Passage]:
        if reasoning := message.get("reasoning"):
            yield Passage(self.text(reasoning, f"{path}.reasoning", most), "reasoning")
        content = message.get("content") or ""
        if isinstance(content, str):
            if content:
                yield Passage(self.text(content, f"{path}.content", most))
            return
        hidden: list[dict[str, Any]] = []
        for index, part in enumerate(content):
            where = f"{path}.content[{index}]"
            if index >= MOST_PARTS and not self.shows(where):
                hidden.append(part)
            elif part["type"] == "text":
                yield Passage(self.text(part["text"], f"{where}.text", most))
            else:
                yield Passage(self.reference(part, where), "reference")
        if hidden:
            yield Passage([Piece("skipped", str(len(content_text(hidden).split())))])

    def shows(self, path: str) -> bool:
        """Whether what lies at the path is shown although there is very much beside it."""
        return self.whole or any(one == path or one.startswith(f"{path}.") for one in self.marks)

    def reference(self, part: dict[str, Any], path: str) -> list[Piece]:
        """What it stands for; the whole of it is marked where a check points at it, its name or its address."""
        words = reference_text(part)[1:-1] + (f", {part['url']}" if "url" in part else "")
        return self.named(words, path, f"{path}.name", f"{path}.url")

    def named(self, words: str, *paths: str) -> list[Piece]:
        """A name, marked as a whole where a check points at it or at what stands for it, such as the id of a call."""
        pointing = [mark.check for path in paths for mark in self.marks.get(path, ())]
        return [Piece("same", words, ", ".join(dict.fromkeys(pointing)))] if words else []

    def call(self, call: dict[str, Any], path: str, results: Sequence[tuple[Message, str]], most: int) -> Call:
        own = [(message, where) for message, where in results if message.get("tool_call_id") == call["id"]]
        answers = [passage for message, where in own for passage in self.passages(message, where, most)]
        ids = [f"{where}.tool_call_id" for _, where in own]
        return Call(self.function(call, path, *ids), self.arguments(call, path, most), answers)

    def function(self, call: dict[str, Any], path: str, *ids: str) -> list[Piece]:
        return self.named(call["function"]["name"], f"{path}.function.name", f"{path}.id", *ids)

    def arguments(self, call: dict[str, Any], path: str, most: int = LONG) -> list[Piece]:
        """Indented; a mark in the text that was sent stands where the same words are in what is shown."""
        sent = call["function"]["arguments"]
        shown = pretty(sent)
        pointing = self.marks.get(f"{path}.function.arguments", ())
        found = [moved(mark, sent, shown) for mark in pointing]
        return marked(folded(shown, whole=self.whole, most=most), sorted(found))

    def text(self, text: str, path: str, most: int) -> list[Piece]:
        return self.pieces(folded(text, whole=self.whole, most=most), path)

    def pieces(self, parts: Sequence[Part], path: str) -> list[Piece]:
        return marked(parts, self.marks.get(path, ()))

    def tools(self, tools: Sequence[dict[str, Any]]) -> Iterator[Tool]:
        for index, tool in enumerate(tools):
            if index < MOST_TOOLS_SHOWN or self.shows(f"tools[{index}]"):
                yield self.tool(tool, f"tools[{index}]")

    def tool(self, tool: dict[str, Any], path: str) -> Tool:
        below, definition = definition_of(tool)
        where = path + below
        described = self.text(str(definition.get("description") or ""), f"{where}.description", EARLIER)
        name = self.named(name_of(tool) or str(tool.get("type") or "tool"), f"{where}.name", path)
        shown = (f"{where}.description", f"{where}.name")
        elsewhere = [one for one in self.marks if one.startswith(f"{path}.") and one not in shown]
        others = [Passage(self.text(text_at(tool, one[len(path) :]), one, EARLIER)) for one in elsewhere]
        return Tool(name, described, others)


def grouped(messages: Sequence[Message]) -> Iterator[list[int]]:
    """Indices of messages that are shown as one: a message of the assistant and the results of its calls."""
    group: list[int] = []
    for index, message in enumerate(messages):
        if group and message["role"] == "tool":
            group.append(index)
            continue
        if group:
            yield group
        group = [index]
    if group:
        yield group


def folded_turn(turn: Turn, message: Message, is_last: bool) -> Turn:
    """The turn, folded where it is instructions or long; open where it holds a mark. One line needs no fold."""
    text = answer_text(message)
    line = " ".join(text.split())
    is_instruction = message["role"] in INSTRUCTIONS
    if not (len(line) > A_LINE if is_instruction else len(text) > LONG_TURN and not is_last):
        return turn
    preview = line if len(line) <= A_LINE else line[:A_LINE].rsplit(" ", 1)[0] + " …"
    fold = "open" if turn.is_marked else "closed"
    return Turn(turn.role, turn.name, turn.passages, turn.calls, turn.more_calls, fold, preview, len(text.split()))


def moved(mark: Mark, sent: str, shown: str) -> Mark:
    """The mark where its words stand in the text that is shown; all of that, where they stand in it no more."""
    words = sent[mark.start : mark.end]
    at = shown.find(words) if words else -1
    return Mark(at, at + len(words), mark.check) if at >= 0 else Mark(0, len(shown), mark.check)


def text_at(value: Any, path: str) -> str:
    """The text at a path such as `.function.parameters.x.enum[0]`, found by walking; empty where there is none."""
    return next((place.text for place in leaves(value, "", "tools") if place.path == path), "")
