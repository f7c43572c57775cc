"""Where a rule set finds something in a row: in each text, and where two texts of a conversation meet.

What is split over two turns is looked for in their ends, joined with and without a space.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Protocol

from conversation import Conversation, Message
from curation.checks.passages import Text, is_name, neighbours, texts_of
from curation.checks.patterns import Hit
from curation.checks.remembered import Remembered, digest

SEAM = 120  # characters of either text
Place = tuple[str, int, int, str]
"""Field, start, end, rule."""
_known: Remembered[tuple[Hit, ...]] = Remembered()


class RuleSet(Protocol):
    """A module of rules, such as `secrets`."""

    VERSION: str

    @staticmethod
    def scan(text: str) -> list[Hit]: ...


def in_texts(rules: RuleSet, prompt: str, answer: str) -> list[Place]:
    """The hits in a question and in its answer."""
    return [
        (field, hit.start, hit.end, hit.rule)
        for field, text in (("prompt", prompt), ("answer", answer))
        for hit in rules.scan(text)
    ]


def in_conversation(rules: RuleSet, asked: Conversation, answered: Message) -> list[Place]:
    """The hits in every text of a conversation and its answer, each once, in order."""
    texts = texts_of(asked, answered)
    places = [place for text in texts for place in in_text(rules, text)]
    spoken = [text for text in texts if text.role != "tools" and not is_name(text)]
    for first, second in neighbours(spoken):
        places += across(rules, first, second)
    return list(dict.fromkeys(places))


def in_text(rules: RuleSet, text: Text) -> Iterator[Place]:
    """The hits in a text as it is stored, and those that only what it says has: escapes hide nothing."""
    found = scanned(rules, text.stored)
    for hit in found:
        yield text.path, hit.start, hit.end, hit.rule
    if text.text != text.stored:
        seen = {(hit.rule, text.stored[hit.start : hit.end]) for hit in found}
        for hit in scanned(rules, text.text):
            if (hit.rule, text.text[hit.start : hit.end]) not in seen:
                span = text.span(hit.start, hit.end)
                yield span.part, span.start, span.end, hit.rule


def scanned(rules: RuleSet, text: str) -> Sequence[Hit]:
    """What a rule set finds in a text; looked for once in a text that many rows carry."""
    key: Hashable = (rules.VERSION, digest(text))
    known = _known.get(key)
    if known is None:
        known = tuple(rules.scan(text))
        _known.keep(key, known)
    return known


def across(rules: RuleSet, first: Text, second: Text) -> Iterator[Place]:
    """The hits that need the end of one text and the beginning of another. All rules need a digit or an @."""
    before, after = end_of(first.text), beginning_of(second.text)
    if not any(character.isdigit() or character == "@" for character in before + after):
        return
    for glue in ("", " "):
        border = len(before) + len(glue)
        joined = scanned(rules, before + glue + after)
        met = [hit for hit in joined if hit.start <= border + 1 and hit.end > border]
        alone = {hit.rule for text in (before, after) for hit in rules.scan(text)} if met else set()
        for hit in met:
            if hit.rule not in alone:
                yield from halves(first, second, len(first.text) - len(before), border, hit)


def halves(first: Text, second: Text, shift: int, border: int, hit: Hit) -> Iterator[Place]:
    """A hit across a border as ranges of both texts; `shift`: where in the first one what was joined begins."""
    if shift + hit.start < len(first.text):
        span = first.span(shift + hit.start, len(first.text))
        yield span.part, span.start, span.end, hit.rule
    span = second.span(max(0, hit.start - border), hit.end - border)
    yield span.part, span.start, span.end, hit.rule


def end_of(text: str) -> str:
    """The last characters, from the beginning of a word on where one is near."""
    near = text[-SEAM:]
    space = near.find(" ") if len(text) > SEAM else -1
    return near[space + 1 :]


def beginning_of(text: str) -> str:
    near = text[:SEAM]
    space = near.rfind(" ") if len(text) > SEAM else -1
    return near[:space] if space > 0 else near
