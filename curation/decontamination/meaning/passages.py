"""What of a row, and of an item, is embedded: passages that an encoder can read whole, and where each stands."""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from curation.decontamination import normalise
from curation.decontamination.overlap import Span
from curation.decontamination.parts import joints, prose
from curation.decontamination.parts.choices import choice_of

LONGEST, WINDOW, STRIDE, MOST_WINDOWS = 180, 120, 80, 16  # words; and passages of one text
MOST_CHARACTERS = 4_000  # of a passage: more than an encoder reads
SHORTEST, MOST_FINER = 4, 32  # words of a finer passage, and finer passages of a row


@dataclass(frozen=True)
class Passage:
    """A part of a row that is compared as a whole: which row, its text as embedded, and where it is in the row."""

    row: int
    text: str
    start: int
    end: int


def readable(text: str) -> str:
    """Text as an encoder should see it: full-width, look-alike and invisible letters undone, other scripts left."""
    if text.isascii():
        return text if not ({"<", "&", "\\"} & set(text)) else normalise.strong(text)
    return unicodedata.normalize("NFKC", text) if is_foreign(text) else normalise.strong(text)


def is_foreign(text: str) -> bool:
    """Whether most words are of another script than Latin: an English model says nothing about such a text.

    A word in disguise is plain once look-alike letters are folded; a word of another script is not.
    """
    if text.isascii():
        return False
    words = [word for word in normalise.words(text[:4_000]) if not word.isdigit()]
    return 2 * sum(not word.isascii() for word in words) > len(words)


def passages(row: int, text: str) -> Iterable[Passage]:
    """The text itself, or, of a long one, at most MOST_WINDOWS windows of it, evenly spread."""
    places = [match.span() for match in re.finditer(r"\S+", text)]
    if len(places) <= LONGEST:
        if places:
            yield passage(row, text, 0, len(text))
        return
    count = min(MOST_WINDOWS, math.ceil((len(places) - WINDOW) / STRIDE) + 1)
    for number in range(count):
        first = (len(places) - WINDOW) * number // (count - 1)
        yield passage(row, text, places[first][0], places[first + WINDOW - 1][1])


def passage(row: int, text: str, start: int, end: int) -> Passage:
    end = min(end, start + MOST_CHARACTERS)
    return Passage(row, readable(text[start:end]), start, end)


def row_passages(row: int, prompt: str, answer: str) -> list[Passage]:
    """What is compared of every row: the whole of it, and its question where an answer of some length follows.

    The question of a text without an answer is its first line. A JSON record is also read as what its strings say.
    """
    whole = joined_text(prompt, answer)
    compared = list(passages(row, whole))
    question, answer_text = (prompt, answer) if answer else split_question(prompt)
    if question.strip() and len(answer_text.split()) > (3 if answer else 0):
        compared += passages(row, question)
    if prompt and answer and is_foreign(prompt):  # which says nothing about the answer
        compared += moved(passages(row, answer), len(prompt) + 1)
    if said := joints.said_in_record(whole):
        compared += placed(passages(row, said), 0, len(whole))
    return compared


def finer_passages(row: int, prompt: str, answer: str) -> list[Passage]:
    """The parts of a row: what the whole and each part between its joints say in words beside their code, or ask before
    their options, and these parts themselves. Of more than MOST_FINER, some of all, evenly chosen.
    """
    whole = joined_text(prompt, answer)
    blocks = joints.blocks(whole)
    found: list[Passage] = []
    for start, end in ((0, len(whole)), *blocks):
        for said in said_in(whole[start:end]):
            found += placed(passages(row, said), start, end)
    found += [part for start, end in blocks for part in moved(passages(row, whole[start:end]), start)]
    different = [*{part.text: part for part in found if len(part.text.split()) >= SHORTEST}.values()]
    step = max(1.0, len(different) / MOST_FINER)
    return [different[int(number * step)] for number in range(min(MOST_FINER, len(different)))]


def said_in(text: str) -> Iterator[str]:
    """What a text asks before its options, and what it says in words beside its code."""
    if choice := choice_of(text):
        yield choice.stem
    if prose.has_code(text):
        yield "\n".join(prose.descriptions(text))


def moved(parts: Iterable[Passage], by: int) -> Iterator[Passage]:
    """Passages of what stands in a row from a character on."""
    return (replace(part, start=part.start + by, end=part.end + by) for part in parts)


def placed(parts: Iterable[Passage], start: int, end: int) -> Iterator[Passage]:
    """Passages of a text that is said somewhere in a range of a row."""
    return (replace(part, start=start, end=end) for part in parts)


def is_read_completely(prompt: str, answer: str) -> bool:
    """Whether the passages of a row leave nothing of it out."""
    return len(joined_text(prompt, answer).split()) <= WINDOW + STRIDE * (MOST_WINDOWS - 1)


def joined_text(prompt: str, answer: str) -> str:
    return f"{prompt}\n{answer}" if prompt and answer else prompt or answer


def text_to_embed(prompt: str, answer: str) -> str:
    """A row as one text to embed: of one that is not long, the first of its `row_passages`, so it is embedded once."""
    return readable(joined_text(prompt, answer)[:MOST_CHARACTERS])


def split_question(text: str) -> tuple[str, str]:
    """A clean text as a row: what comes before the first line break is its question."""
    question, _, answer = text.partition("\n")
    return question, answer


def item_texts(question: str, answer: str) -> list[str]:
    """What of an item is embedded: its question, and question and answer together."""
    both = f"{question}\n{answer}"
    return [question, both] if question.strip() and len(answer.split()) > 3 else [both.strip()]


def spans_of(row: tuple[str, str], start: int, end: int) -> Iterable[Span]:
    """A range of the joined text of a row as ranges of its prompt and of its answer."""
    prompt, answer = row
    shift = len(prompt) + 1 if prompt and answer else len(prompt)
    if start < len(prompt):
        yield Span("prompt", start, min(end, len(prompt)))
    if answer and end > shift:
        yield Span("answer", max(0, start - shift), end - shift)
