"""What is compared of a conversation and an answer: every text alone, and texts beside each other, each with its path.

- *alone*: each message, each argument of a call (as written, and what it says once JSON's escapes are undone), each
  tool's description, and all labels (names, ids, single words) together;
- *beside each other*: each text with the next one, with the next one of its role, each question with what answers it,
  all of the last exchange, and, by words only, all that one role said and all that was said. So an item is found that
  is split over turns, whoever speaks between them, or that is a conversation itself.

Of two long texts beside each other only what meets is joined: the rest is compared alone. A system prompt meets the
first message by its words only, and is otherwise compared alone: the same in every row that carries it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from conversation import Conversation, Message, answer_places, decoded_arguments, places
from curation.decontamination.meaning.passages import LONGEST
from curation.decontamination.overlap import Span

SEAM_WORDS, SEAM_CHARACTERS = LONGEST // 2, 2_000  # of either of two texts that are joined; together one passage
LONGEST_LABEL = 64  # characters
LONGEST_WORD = 16  # characters of what may be a script without spaces
SETTING = ("system", "developer", "tools")
"""Who sets the scene: the same words in many rows."""
ROLES = (("user",), ("assistant",), ("user", "assistant", "tool"))
"""Whose texts are read as one."""
NAMES = (".name", ".url", ".id", ".tool_call_id")
_WORD = re.compile(r"\S+")


class Text(NamedTuple):
    """A text as it is compared and as it is stored at `path`: the same but for arguments without their escapes."""

    path: str
    text: str
    stored: str
    role: str

    def span(self, start: int, end: int) -> Span:
        """A range of `text` as one of what is stored: all of it where the same characters do not stand there once."""
        if self.text is self.stored or self.text == self.stored:
            return Span(self.path, start, end)
        part = self.text[start:end]
        if not part or self.stored.count(part) != 1:
            return Span(self.path, 0, len(self.stored))
        at = self.stored.index(part)
        return Span(self.path, at, at + len(part))


class Piece(NamedTuple):
    """The characters of a text from `start` on that take part in a reading."""

    source: Text
    start: int
    text: str


@dataclass(frozen=True)
class Reading:
    """Pieces that are compared as one text, a line each. `by_meaning`: by embeddings too, not by words only."""

    pieces: tuple[Piece, ...]
    by_meaning: bool = True

    @cached_property
    def text(self) -> str:
        return "\n".join(piece.text for piece in self.pieces)

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """A range of the whole as ranges of the stored texts."""
        at = 0
        for piece in self.pieces:
            first, last = max(start - at, 0), min(end - at, len(piece.text))
            if first < last:
                yield piece.source.span(piece.start + first, piece.start + last)
            at += len(piece.text) + 1


# --- texts ------------------------------------------------------------------------------------------------------------
def texts_of(asked: Conversation, answered: Message | None = None) -> list[Text]:
    """Every text in order, the answer's last. What is called is a text as well, and so are the ids of calls."""
    found = [Text(place.path, said(place.path, place.text), place.text, place.role) for place in places(asked)]
    tools = next((n for n, text in enumerate(found) if text.role == "tools"), len(found))
    ids = [text for n, message in enumerate(asked.messages) for text in names_of(message, f"messages[{n}]")]
    answer: list[Text] = []
    if answered is not None:
        answer = [Text(p.path, said(p.path, p.text), p.text, p.role) for p in answer_places(answered)]
        ids += names_of(answered, "answer")
    return [*found[tools:], *found[:tools], *answer, *ids]


def said(path: str, text: str) -> str:
    return decoded_arguments(text) if is_call(path) else text


def is_call(path: str) -> bool:
    return path.endswith(".function.arguments")


def names_of(message: Message, path: str) -> list[Text]:
    """What the calls of a message name, and their ids."""
    role = message["role"]
    named = [(f"{path}.tool_call_id", message.get("tool_call_id", ""))]
    for number, call in enumerate(message.get("tool_calls", ())):
        where = f"{path}.tool_calls[{number}]"
        named += [(f"{where}.function.name", call["function"]["name"]), (f"{where}.id", call["id"])]
    return [Text(where, name, name, role) for where, name in named if name]


def is_name(text: Text) -> bool:
    return text.path.endswith(NAMES)


def is_label(text: Text) -> bool:
    """A name or a single word: no item on its own, and between two others it would part question and answer."""
    if is_name(text):
        return True
    longest = LONGEST_LABEL if text.text.isascii() else LONGEST_WORD
    return len(text.text) <= longest and len(text.text.split(None, 1)) < 2


# --- readings ---------------------------------------------------------------------------------------------------------
def readings(asked: Conversation, answered: Message | None = None) -> list[Reading]:
    """All that is compared of a conversation and its answer."""
    texts = texts_of(asked, answered)
    passages = [text for text in texts if not is_label(text) and text.role != "tools"]
    labels = [text for text in texts if is_label(text) and text.role != "tools"]
    alone = [Reading((whole(text),)) for text in passages]
    escaped = [Text(text.path, text.stored, text.stored, text.role) for text in texts if is_call(text.path)]
    as_written = [Reading((whole(text),), by_meaning=False) for text in escaped]
    together = [Reading(tuple(map(whole, labels)))] if labels else []
    return [*as_written, *alone, *of_tools(asked, texts), *together, *beside(passages), *in_one(passages)]


def whole(text: Text) -> Piece:
    return Piece(text, 0, text.text)


def of_tools(asked: Conversation, texts: Sequence[Text]) -> Iterator[Reading]:
    """Each tool's texts together; and, by words, all that its JSON says, names of fields too."""
    for number, tool in enumerate(asked.tools):
        path = f"tools[{number}]"
        own = [text for text in texts if text.path.startswith(f"{path}.")]
        if own:
            yield Reading(tuple(map(whole, own)))
        yield Reading((whole(Text(path, json.dumps(tool, ensure_ascii=False), "", "tools")),), by_meaning=False)


def beside(passages: Sequence[Text]) -> Iterator[Reading]:
    """Each passage joined with those that it may go on in."""
    for first, second in neighbours(passages):
        yield seam(first, second, by_meaning=not {first.role, second.role} & set(SETTING))


def neighbours(texts: Sequence[Text]) -> list[tuple[Text, Text]]:
    """Which texts meet: each with the next one, with the next of its role, a question with what answers it at last."""
    pairs = list(pairwise(texts))
    spoken = [text for text in texts if text.role not in SETTING]
    pairs += pairwise(spoken)
    for role in ("user", "assistant", "tool"):
        pairs += pairwise([text for text in spoken if text.role == role])
    for exchange in exchanges(spoken):
        asked = [text for text in exchange if text.role == "user"]
        if asked and exchange[-1].role != "user":
            pairs.append((asked[-1], exchange[-1]))
    return list({(first.path, second.path): (first, second) for first, second in pairs}.values())


def exchanges(spoken: Sequence[Text]) -> Iterator[list[Text]]:
    """The texts from one question to the next."""
    exchange: list[Text] = []
    for text in spoken:
        if text.role == "user" and exchange and exchange[-1].role != "user":
            yield exchange
            exchange = []
        exchange.append(text)
    if exchange:
        yield exchange


def in_one(passages: Sequence[Text]) -> Iterator[Reading]:
    """All of the last exchange, all that one role said, and all that was said; where these are more than two texts."""
    spoken = [text for text in passages if text.role not in SETTING]
    *before, last = [*exchanges(spoken)] or [[]]
    if len(last) > 2:
        yield Reading(tuple(map(whole, last)))
    for roles in ROLES if before else ():
        said_by = [text for text in spoken if text.role in roles]
        if len(said_by) > 2:
            yield Reading(tuple(map(whole, said_by)), by_meaning=False)


def seam(first: Text, second: Text, by_meaning: bool = True) -> Reading:
    """The end of one text and the beginning of another; both as they are, where together they are no longer."""
    if len(first.text) + len(second.text) <= SEAM_CHARACTERS and words_in(first) + words_in(second) <= LONGEST:
        return Reading((whole(first), whole(second)), by_meaning)
    after = head(second.text, SEAM_WORDS)
    before = tail(first.text, max(SEAM_WORDS, LONGEST - len(_WORD.findall(after))))
    if len(before) == len(first.text):
        after = head(second.text, max(SEAM_WORDS, LONGEST - len(_WORD.findall(before))))
    return Reading((Piece(first, len(first.text) - len(before), before), Piece(second, 0, after)), by_meaning)


def words_in(text: Text) -> int:
    return len(text.text.split())


def head(text: str, most: int) -> str:
    """The first words of a text, at most `most`, and all of a text that has no more."""
    near = text[:SEAM_CHARACTERS]
    ends = [match.end() for match in _WORD.finditer(near)]
    return near[: ends[most - 1]] if len(ends) > most else near


def tail(text: str, most: int) -> str:
    """The last words of a text."""
    near = text[-SEAM_CHARACTERS:]
    starts = [match.start() for match in _WORD.finditer(near)]
    return near[starts[-most] :] if len(starts) > most else near
