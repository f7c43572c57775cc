"""What of a row is in another language than the items, as the model that finds translations reads it.

Passages are in one language each: the whole of a row, its question, or, in a row of several, each stretch; long ones
are read in windows. Numbers are read as each language writes them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from html import unescape
from typing import NamedTuple

from curation.decontamination.meaning.passages import LONGEST, MOST_WINDOWS, WINDOW, joined_text
from curation.decontamination.terms import terms
from curation.decontamination.translation import languages

LEAST_OF_BENCHMARK = 0.05  # of a benchmark's items are in a language, or it is not one of its languages
ONLY_SHARE = 0.9  # of a text's characters are in one language: all of it is
DEFAULT_LANGUAGE = "en"  # of items in which none is recognised

_TOKEN = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]{1,2}|[^\\s\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,200}>|<\|[a-zA-Z0-9_]{1,30}\|>")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_GROUPED = re.compile("(?<=\\d)[.,'’ \u00a0\u2009\u202f](?=\\d{3}(?!\\d))")


class Part(NamedTuple):
    """A passage of a row in one language, and where it is in question and answer joined."""

    row: int
    language: str
    text: str
    start: int
    end: int


def readable(text: str) -> str:
    """Text as the model should see it: case and accents stay, what nobody sees, markup and escapes do not."""
    if "\\u" in text:
        text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    if "&" in text or "<" in text:
        text = _TAG.sub(" ", unescape(text))
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def languages_of(items: Sequence[tuple[str, str, str]]) -> list[str]:
    """The language of each item (benchmark, question, answer).

    One that few items of a benchmark seem to be in is taken for a mistake: these count as in its main language, so that
    a French word list among English questions does not make every English row foreign.
    """
    told = [languages.language_of(question or answer) for _, question, answer in items]
    by_benchmark: dict[str, Counter[str]] = {}
    for (benchmark, _, _), language in zip(items, told, strict=True):
        by_benchmark.setdefault(benchmark, Counter())[language] += 1
    return [_accepted(language, by_benchmark[item[0]]) for item, language in zip(items, told, strict=True)]


def _accepted(language: str, counts: Counter[str]) -> str:
    if language and counts[language] >= LEAST_OF_BENCHMARK * counts.total():
        return language
    return max((name for name in counts if name), key=lambda name: counts[name], default=DEFAULT_LANGUAGE)


def parts_of(row: int, prompt: str, answer: str, known: Collection[str]) -> list[Part]:
    """What of a row may be compared with items in other languages: all of it and its question, or its stretches.

    `known`: the items' languages. Of a row in the only one there is nothing.
    """
    whole, shift = joined_text(prompt, answer), len(prompt) + 1 if prompt and answer else 0
    found = [*languages.stretches(prompt, known), *moved(languages.stretches(answer, known), shift)]
    places = {(start, end): language for start, end, language in found if is_foreign(language, known)}
    if language := only_language(whole, found, known):
        places = {(0, len(whole)): language}
    question = len(prompt) if prompt and answer else whole.find("\n")
    if question > 0 and (language := only_language(whole[:question], cut(found, question), known)):
        places[0, question] = language
    return [part for (start, end), language in places.items() for part in windows(row, language, whole, start, end)]


def is_foreign(language: str, known: Collection[str]) -> bool:
    """Whether some items are in another language."""
    return any(language != other for other in known)


def only_language(text: str, stretches: Iterable[languages.Stretch], known: Collection[str]) -> str:
    """The language that nearly all of a text is in, where items are in others; empty where it is in none or several.

    Languages that no item is in are not told from each other: of two that are close, one is a mistake.
    """
    shares: Counter[str] = Counter()
    for start, end, language in stretches:
        shares[language] += end - start
    if not shares:
        return ""
    language = max(shares, key=lambda name: shares[name])
    alike = sum(share for name, share in shares.items() if name == language or {name, language}.isdisjoint(known))
    return language if alike > ONLY_SHARE * len(text) and is_foreign(language, known) else ""


def moved(stretches: Iterable[languages.Stretch], by: int) -> Iterator[languages.Stretch]:
    return (languages.Stretch(start + by, end + by, language) for start, end, language in stretches)


def cut(stretches: Iterable[languages.Stretch], end: int) -> Iterator[languages.Stretch]:
    """What of the stretches stands before `end`."""
    return (stretch._replace(end=min(stretch.end, end)) for stretch in stretches if stretch.start < end)


def windows(row: int, language: str, text: str, start: int, end: int) -> Iterator[Part]:
    """A range of a text as one part, or, of a long one, as overlapping ones; two letters without spaces are a word."""
    places = [match.span() for match in _TOKEN.finditer(text, start, end)]
    if not places:
        return
    if len(places) <= LONGEST:
        yield Part(row, language, readable(text[start:end]), start, end)
        return
    count = min(MOST_WINDOWS, -(-(len(places) - WINDOW) // (WINDOW * 2 // 3)) + 1)
    for number in range(count):
        first = (len(places) - WINDOW) * number // (count - 1)
        where = places[first][0], places[first + WINDOW - 1][1]
        yield Part(row, language, readable(text[where[0] : where[1]]), *where)


def length_of(text: str) -> int:
    """In words; of a script without spaces two letters are one."""
    return sum(1 for _ in _TOKEN.finditer(text))


# --- numbers ----------------------------------------------------------------------------------------------------------
def written_numbers(text: str) -> set[str]:
    """The numbers that a text writes in digits: "1.250", "1,250" and "1 250" are 1250, "2,50" is 2.5."""
    plain = _GROUPED.sub("", unicodedata.normalize("NFKC", text))
    return {plain_number(number) for number in _NUMBER.findall(plain)}


def plain_number(number: str) -> str:
    whole, _, rest = number.replace(",", ".").partition(".")
    whole = str(int(whole)) if len(whole) < 100 else whole
    return f"{whole}.{rest.rstrip('0')}" if rest.rstrip("0") else whole


def spelt_numbers(text: str) -> set[str]:
    """The numbers that an English text writes in words, which a translation may write in digits."""
    return set(terms(text)[1]) - written_numbers(text)


def agreement(written: Collection[int], spelt: Collection[int], ours: Collection[int]) -> float:
    """From -1 to 1: how far a text's numbers are those of an item; 0 where either has none."""
    theirs = set(written)
    if not theirs or not ours:
        return 0.0
    shared = len(theirs.intersection(ours))
    others = len(set(ours) - theirs - set(spelt))
    return 2 * shared / (len(theirs) + others) - 1
