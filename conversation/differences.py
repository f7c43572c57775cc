"""Word by word difference of two texts, for the eye: what went, what came, and enough of what stayed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

TOKEN = re.compile(r"\s+|[^\W_]+|[^\w\s]|_+")
CONTEXT = 30
MOST_TOKENS = 3000
LONG = 400  # words, marks and spaces: a longer text is folded
LONGEST_SHOWN = 6_000  # characters: so is one of endless words
LONGEST_DIFF = 20_000  # characters: of a longer text only the new one is shown until it is wanted whole

Change = Literal["same", "gone", "new", "skipped"]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text and what became of it; for "skipped" the text is the number of words left out, `hidden`."""

    change: Change
    text: str
    hidden: str = ""


def word_diff(before: str, after: str, *, whole: bool = False) -> list[Part]:
    """Parts whose "same" and "new" texts join to `after` and whose "same" and "gone" texts join to `before`, except
    where long unchanged stretches are skipped (never, if `whole`). Texts of over 3,000 words and marks are shown as
    replaced whole: the comparison is quadratic.
    """
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    if max(len(old), len(new)) > MOST_TOKENS:
        return [Part("gone", before), Part("new", after)]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [part for part in _parts(old, new, _joined(matcher.get_opcodes(), old), whole) if part.text]


Opcode = tuple[str, int, int, int, int]


def _joined(opcodes: Sequence[Opcode], old: Sequence[str]) -> Iterator[Opcode]:
    """Merge changes that only white space keeps apart: nobody reads word salad."""
    held: Opcode | None = None
    for index, code in enumerate(opcodes):
        tag, i1, i2, j1, j2 = code
        only_space = tag == "equal" and 0 < index < len(opcodes) - 1 and "".join(old[i1:i2]).isspace()
        if tag == "equal" and not only_space:
            if held:
                yield held
            held = None
            yield code
        else:
            held = ("replace", held[1], i2, held[3], j2) if held else ("replace", i1, i2, j1, j2)
    if held:
        yield held


def _parts(old: Sequence[str], new: Sequence[str], opcodes: Iterator[Opcode], whole: bool) -> Iterator[Part]:
    for tag, i1, i2, j1, j2 in opcodes:
        if tag == "equal":
            yield from _context(old[i1:i2], first=i1 == 0, last=i2 == len(old), whole=whole)
        else:
            yield Part("gone", "".join(old[i1:i2]))
            yield Part("new", "".join(new[j1:j2]))


def _context(tokens: Sequence[str], *, first: bool, last: bool, whole: bool) -> Iterator[Part]:
    """An unchanged stretch: whole if short, else its ends beside a change."""
    if whole or len(tokens) <= 3 * CONTEXT:
        yield Part("same", "".join(tokens))
        return
    head = [] if first else tokens[:CONTEXT]
    tail = [] if last else tokens[-CONTEXT:]
    middle = tokens[len(head) : len(tokens) - len(tail)]
    yield Part("same", "".join(head))
    yield Part("skipped", str(words_in(middle)), "".join(middle))
    yield Part("same", "".join(tail))


def difference(before: str, after: str, *, whole: bool = False) -> list[Part]:
    """What became of a text; of a very long one only what it is now, unless wanted `whole`."""
    if not whole and max(len(before), len(after)) > LONGEST_DIFF:
        return folded(after)
    return word_diff(before, after, whole=whole)


def folded(text: str, *, whole: bool = False, most: int = LONG) -> list[Part]:
    """One text as unchanged parts, its end skipped where it is long (over `most` tokens) and not wanted `whole`."""
    tokens = TOKEN.findall(text)
    if whole or (len(tokens) <= most and len(text) <= LONGEST_SHOWN):
        return [Part("same", text)] if text else []
    head = "".join(tokens[: most // 2])[: LONGEST_SHOWN // 2]
    rest = text[len(head) :]
    return [Part("same", head), Part("skipped", str(words_in(TOKEN.findall(rest))), rest)]


def words_in(tokens: Sequence[str]) -> int:
    return sum(token[0].isalnum() for token in tokens)
