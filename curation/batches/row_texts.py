"""The texts of a row, whatever its columns are called and however deep they stand, and how they are compared.

A row counts as clean only for what was read of it. So every text is read, unless columns are chosen or left out by
name; and whatever is not read is said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from conversation import Conversation, NotAConversation, places, read

MESSAGES = {"id", "messages", "tools"}
"""Columns of a row that is a conversation and nothing else."""

Pair = tuple[str, str]
"""Two texts that stand beside each other, such as a prompt and its answer; the second may be empty."""

LONGEST_LABEL = 64  # characters
LONGEST_WORD = 16  # characters of what may be a script without spaces


@dataclass(frozen=True)
class Fields:
    """Which texts are read: those below the `chosen` paths (none: every text), without those `left_out`.

    A path is a column's name, or names joined by dots: `messages.content`. Places in lists have none.
    """

    chosen: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def read(self, path: str) -> bool:
        return (not self.chosen or is_below(path, self.chosen)) and not self.leave_out(path)

    def leave_out(self, path: str) -> bool:
        """Whether somebody said by name that this text need not be read."""
        return is_below(path, self.left_out)

    def unnamed(self, unread: Iterable[str]) -> list[str]:
        """Of columns that were not read, those that nobody has named."""
        return sorted(path for path in unread if not self.leave_out(path))

    @property
    def take_everything(self) -> bool:
        return not self.chosen and not self.left_out


EVERYTHING = Fields()


def split_names(text: str) -> tuple[str, ...]:
    """Names that are written with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def is_below(path: str, names: Iterable[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in names)


def texts_of(record: dict[str, Any], fields: Fields = EVERYTHING) -> tuple[list[str], list[str]]:
    """The texts that are read, in their order, and the paths at which something stands that is not read."""
    texts: list[str] = []
    unread: set[str] = set()
    everything = fields.take_everything
    for path, value in texts_in(record):
        text = value if isinstance(value, str) else decoded(value)
        if text is not None and (everything or fields.read(path)):
            texts.append(text)
        elif text is None or text.strip():
            unread.add(path)
    return texts, sorted(unread)


def texts_in(record: dict[str, Any]) -> Iterator[tuple[str, str | bytes]]:
    """Every text and every binary value with its path. Without recursion, whatever the depth.

    A name of several words may be a text, too: of an object whose names are questions. An id is one only then.
    """
    waiting: list[tuple[str, Any]] = []
    for name, value in reversed(record.items()):
        if name != "id" or (isinstance(value, str) and has_words(value)):
            waiting.append((name, value))
        if is_text(name):
            waiting.append((name, name))
    while waiting:
        path, value = waiting.pop()
        kind = type(value)
        if kind is str or kind is bytes:
            yield path, value
        elif kind is dict:
            for name, inner in reversed(value.items()):
                waiting.append((f"{path}.{name}", inner))
                if is_text(name):
                    waiting.append((f"{path}.{name}", name))
        elif kind is list or kind is tuple:
            waiting.extend((path, inner) for inner in reversed(value))


def has_words(text: str) -> bool:
    """Whether what should be a name or an id may say more: of several words, long, or not of ASCII."""
    return " " in text or len(text) > LONGEST_LABEL or not text.isascii()


is_text = lru_cache(4_096)(has_words)
"""The same of a name: there are few, in every row."""


def decoded(value: bytes) -> str | None:
    """Text that is stored as bytes; None for what is none, such as a picture."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def pairs_of(texts: Sequence[str]) -> list[Pair]:
    """What is compared with the items: each text beside its neighbour, so that a question meets its answer.

    Of more than two texts, those of a single word (roles, labels, links, tokens) are compared together: on their own
    they are no item, and between the others they would part question and answer.
    """
    if len(texts) <= 2:
        first, second = [*texts, "", ""][:2]
        return [(first, second)]
    passages, labels = [], []
    for text in texts:
        words = text.split(None, 1)
        if len(words) > 1 or len(text) > (LONGEST_LABEL if text.isascii() else LONGEST_WORD):
            passages.append(text)
        else:
            labels += words
    label = " ".join(labels)
    if len(passages) == 2:
        return [(passages[0], passages[1]), *([(label, "")] if label else [])]
    return [*pairwise(passages), (passages[-1], label)] if passages else [(label, "")]


# --- conversations ----------------------------------------------------------------------------------------------------
def conversation_in(record: dict[str, Any], fields: Fields = EVERYTHING) -> Conversation | None:
    """The conversation in the column `messages`, if it is one and may be read: it is walked as stored ones are.

    What is not quite one is read text by text, as any other column.
    """
    messages, tools = record.get("messages"), record.get("tools")
    if not isinstance(messages, list) or not fields.read("messages"):
        return None
    try:
        return read(messages, tools if isinstance(tools, list) and fields.read("tools") else None, lenient=True)
    except NotAConversation:
        return None


def pairs_beside(conversation: Conversation | None, record: dict[str, Any], texts: Sequence[str]) -> list[Pair]:
    """The pairs of a row's texts that its conversation does not hold; all of them where other columns stand beside."""
    if conversation is None or record.keys() - MESSAGES:
        return pairs_of(texts)
    walked = {place.text for place in places(conversation)}
    left = [text for text in texts if text not in walked]
    return pairs_of(left) if left else []
