"""The words and numbers of a text as a rewording keeps them, and keyed fingerprints of both."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from curation.decontamination import normalise

MOST_WORDS_KEPT = 500_000  # fingerprints of words: rows bring new ones without end

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
_OTHER_NUMBERS = (
    "thirty 30 forty 40 fifty 50 sixty 60 seventy 70 eighty 80 ninety 90 hundred 100 thousand 1000 dozen 12 once 1"
    " twice 2 double 2 half 2 thrice 3 triple 3 quarter 4 quarters 4 thirds 3 fourths 4 fifths 5"
)
_AS_DIGITS = {
    **{word: str(value) for value, word in enumerate(_NUMBERS.split())},
    **{word: str(value) for value, word in enumerate(ORDINALS.split(), 1)},
    **dict(zip(_OTHER_NUMBERS.split()[::2], _OTHER_NUMBERS.split()[1::2], strict=True)),
}
_TENS = {word: int(digits) for word, digits in _AS_DIGITS.items() if word.endswith("ty")}
_UNITS = {word: int(_AS_DIGITS[word]) for word in (*_NUMBERS.split()[1:10], *ORDINALS.split()[:9])}
ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")
GROUPED = re.compile(r"(?<=\d),(?=\d{3})")
_ENDINGS = ("ing", "ies", "ied", "es", "ed", "s", "ly", "er")


def terms(text: str) -> tuple[set[str], Counter[str]]:
    """The stems of a text's words, and its numbers as digits: "3,000" is 3000; two, 2nd, twice and half are 2."""
    words = with_digits(text)
    return {stem(word) for word in words if not word[0].isdigit()}, Counter(numbers_among(words))


def numbers_of(text: str) -> set[str]:
    """The different numbers of a text, as `terms` has them, without the work for its words."""
    return set(numbers_among(with_digits(text)))


def with_digits(text: str) -> list[str]:
    """The words of a text, spelt numbers as digits: "forty-eight" is 48."""
    words: list[str] = []
    tens = 0
    for word in normalise.words(GROUPED.sub("", text)):
        digits = _AS_DIGITS.get(word, word)
        if tens and word in _UNITS:
            words[-1] = str(tens + _UNITS[word])
        else:
            words.append(digits)
        tens = _TENS.get(word, 0)
    return words


def numbers_among(words: Iterable[str]) -> Iterator[str]:
    return (ORDINAL.sub(r"\1", word) for word in words if word[0].isdigit())


def stem(word: str) -> str:
    """A word without its English ending, roughly: enough to see "lays" in "laid eggs daily" as a word of its own."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


class Fingerprints:
    """Keyed 64-bit fingerprints of words, remembered: texts repeat their words."""

    def __init__(self, key: bytes) -> None:
        self._base = hashlib.blake2b(key=key[:64], digest_size=8, person=b"meaning")
        self._known: dict[str, int] = {}

    def of(self, word: str) -> int:
        if word not in self._known:
            if len(self._known) >= MOST_WORDS_KEPT:
                self._known.clear()
            state = self._base.copy()
            state.update(word.encode("utf-8", "surrogatepass"))
            self._known[word] = int.from_bytes(state.digest(), "little")
        return self._known[word]

    def terms(self, text: str) -> "tuple[frozenset[int], Counter[int]]":
        words, numbers = terms(text)
        return frozenset(map(self.of, words)), Counter({self.of(number): count for number, count in numbers.items()})


def idf_weights(items: Sequence[frozenset[int]], reference: Sequence[frozenset[int]]) -> dict[int, float]:
    """How much each word of the items says: log((N + 1) / (df + 1/2)) over items and clean texts together."""
    frequency: Counter[int] = Counter()
    for words in (*items, *reference):
        frequency.update(words)
    documents = len(items) + len(reference)
    return {word: math.log((documents + 1) / (count + 0.5)) for word, count in frequency.items()}
