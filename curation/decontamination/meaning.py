"""Rewordings: is a row an item in other words? Embeddings find candidates; numbers and rare words confirm them.

The score of a passage of a row against an item is the cosine of their embeddings, less what a rewording would have
kept: up to NUMBERS for the item's numbers, up to WORDS for its rare words. Two problems from one template have nearly
the same embedding and different numbers; a rewording keeps both. An item's limit is the policy's floor, or more where
clean texts already come near the item (its *background*): items of a template must be met more closely.

Everything kept of an item is a vector, keyed fingerprints of its words and numbers, and weights: no text.
"""

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.decontamination import normalise
from curation.decontamination.overlap import Policy, Span

if TYPE_CHECKING:
    from curation.decontamination.engine.encoder import Encoder

NUMBERS, WORDS = 0.2, 0.15  # the most that different numbers, and missing words, take off the cosine
UNKNOWN = 0.5  # agreement where neither text has a number
CANDIDATES = 16  # items a passage is compared with in detail
LONGEST, WINDOW, STRIDE, MOST_WINDOWS = 180, 120, 80, 16  # words; and passages of one text
MOST_CHARACTERS = 4_000  # of a passage: more than an encoder reads
REFERENCE_TEXTS = 3_000  # that items are calibrated on, at most
ROWS_AT_ONCE = 256

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
_OTHERS = (
    "thirty 30 forty 40 fifty 50 sixty 60 seventy 70 eighty 80 ninety 90 hundred 100 thousand 1000 dozen 12 once 1"
    " twice 2 double 2 half 2 thrice 3 triple 3 quarter 4 quarters 4 thirds 3 fourths 4 fifths 5"
)
_AS_DIGITS = {
    **{word: str(value) for value, word in enumerate(_NUMBERS.split())},
    **{word: str(value) for value, word in enumerate(_ORDINALS.split(), 1)},
    **dict(zip(_OTHERS.split()[::2], _OTHERS.split()[1::2], strict=True)),
}
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3})")
_ENDINGS = ("ing", "ies", "ied", "es", "ed", "s", "ly", "er")


@dataclass(frozen=True)
class Passage:
    """A part of a row that is compared as a whole: which row, its text as embedded, and where it is in the row."""

    row: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Likeness:
    """The item that a row comes nearest to, against that item's own limit."""

    item: int
    score: float
    limit: float
    cosine: float
    background: float
    start: int
    end: int


def name_of(encoder: Mapping[str, Any] | None) -> str:
    """An embedding model as people read it, by name and revision; empty where none takes part."""
    return f"{encoder['name']} {encoder['revision']}" if encoder else ""


# --- texts ------------------------------------------------------------------------------------------------------------
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
    found = [word for word in normalise.words(text[:4_000]) if not word.isdigit()]
    return 2 * sum(not word.isascii() for word in found) > len(found)


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


def passages_of(row: int, prompt: str, answer: str) -> list[Passage]:
    """What is compared of a row: the whole of it, and its question where an answer of some length follows.

    The question of a text without an answer is its first line.
    """
    found = list(passages(row, together(prompt, answer)))
    question, rest = (prompt, answer) if answer else split(prompt)
    if question.strip() and len(rest.split()) > (3 if answer else 0):
        found += passages(row, question)
    if prompt and answer and is_foreign(prompt):  # which says nothing about the answer
        shift = len(prompt) + 1
        found += (replace(one, start=one.start + shift, end=one.end + shift) for one in passages(row, answer))
    return found


def is_read_whole(prompt: str, answer: str) -> bool:
    """Whether the passages of a row leave nothing of it out."""
    return len(together(prompt, answer).split()) <= WINDOW + STRIDE * (MOST_WINDOWS - 1)


def together(prompt: str, answer: str) -> str:
    return f"{prompt}\n{answer}" if prompt and answer else prompt or answer


def whole(prompt: str, answer: str) -> str:
    """A row as one text to embed: of one that is not long, the first of its `passages_of`, so it is embedded once."""
    return readable(together(prompt, answer)[:MOST_CHARACTERS])


def spans_of(row: tuple[str, str], like: Likeness) -> Iterable[Span]:
    """The passage that came nearest, as ranges of the prompt and of the answer."""
    prompt, answer = row
    shift = len(prompt) + 1 if prompt and answer else len(prompt)
    if like.start < len(prompt):
        yield Span("prompt", like.start, min(like.end, len(prompt)))
    if answer and like.end > shift:
        yield Span("answer", max(0, like.start - shift), like.end - shift)


def terms(text: str) -> tuple[set[str], Counter[str]]:
    """The stems of a text's words, and its numbers as digits: "3,000" is 3000; two, 2nd, twice and half are 2."""
    stems: set[str] = set()
    numbers: Counter[str] = Counter()
    for word in normalise.words(_GROUPED.sub("", text)):
        word = _ORDINAL.sub(r"\1", _AS_DIGITS.get(word, word))
        if word[0].isdigit():
            numbers[word] += 1
        else:
            stems.add(stem(word))
    return stems, numbers


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
            state = self._base.copy()
            state.update(word.encode("utf-8", "surrogatepass"))
            self._known[word] = int.from_bytes(state.digest(), "little")
        return self._known[word]

    def terms(self, text: str) -> "tuple[frozenset[int], Counter[int]]":
        words, numbers = terms(text)
        return frozenset(map(self.of, words)), Counter({self.of(one): count for one, count in numbers.items()})


def agreement(ours: Counter[int], theirs: Counter[int]) -> float:
    """Jaccard index of two multisets of numbers."""
    if not ours:
        return UNKNOWN
    return (ours & theirs).total() / (ours | theirs).total()


# --- building ---------------------------------------------------------------------------------------------------------
def build_arrays(
    items: Sequence[tuple[str, str]], encoder: "Encoder", reference: Sequence[str], key: bytes
) -> dict[str, NDArray[Any]]:
    """The arrays of `items` (question, answer): two vectors an item, one without an answer, and what confirms them.

    `reference`: clean texts that the items' limits are calibrated on; those that share wording with an item must have
    been set aside.
    """
    texts = [(number, text) for number, item in enumerate(items) for text in sides(*item)]
    marks = Fingerprints(key)
    found = [marks.terms(text) for _, text in texts]
    sample = spread(reference, REFERENCE_TEXTS)
    weights = weigh([words for words, _ in found], [marks.terms(text)[0] for text in sample])
    words = [sorted(one) for one, _ in found]
    numbers = [sorted(one.elements()) for _, one in found]
    arrays: dict[str, NDArray[Any]] = {
        "meaning_vectors": encoder.encode([readable(text) for _, text in texts]).astype(np.float16),
        "meaning_item": np.array([number for number, _ in texts], np.int32),
        "meaning_words": np.array([word for one in words for word in one], np.uint64),
        "meaning_weights": np.array([weights[word] for one in words for word in one], np.float32),
        "meaning_word_start": np.cumsum([0, *map(len, words)], dtype=np.int64),
        "meaning_numbers": np.array([number for one in numbers for number in one], np.uint64),
        "meaning_number_start": np.cumsum([0, *map(len, numbers)], dtype=np.int64),
        "meaning_background": np.zeros(len(texts), np.float32),
    }
    meaning = Meaning(arrays, key)
    arrays["meaning_background"] = meaning.background(encoder, sample)
    return arrays


def sides(question: str, answer: str) -> list[str]:
    """What of an item is embedded: its question, and question and answer together."""
    both = f"{question}\n{answer}"
    return [question, both] if question.strip() and len(answer.split()) > 3 else [both.strip()]


def split(text: str) -> tuple[str, str]:
    """A clean text as a row: what comes before the first line break is its question."""
    question, _, answer = text.partition("\n")
    return question, answer


def spread(texts: Sequence[str], most: int) -> list[str]:
    """At most so many of the texts, evenly chosen."""
    return [texts[int(i)] for i in np.linspace(0, len(texts) - 1, most)] if len(texts) > most else list(texts)


def weigh(items: Sequence[frozenset[int]], reference: Sequence[frozenset[int]]) -> dict[int, float]:
    """How much each word of the items says: log((N + 1) / (df + 1/2)) over items and clean texts together."""
    frequency: Counter[int] = Counter()
    for one in (*items, *reference):
        frequency.update(one)
    documents = len(items) + len(reference)
    return {word: math.log((documents + 1) / (count + 0.5)) for word, count in frequency.items()}


# --- comparing --------------------------------------------------------------------------------------------------------
class Meaning:
    """The opened arrays of a registry, and how rows are compared with them."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], key: bytes) -> None:
        self._a = arrays
        self._marks = Fingerprints(key)

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._a["meaning_vectors"].astype(np.float32).T)

    @cached_property
    def _masses(self) -> NDArray[np.float64]:
        sums = np.concatenate([[0.0], np.cumsum(self._a["meaning_weights"], dtype=np.float64)])
        starts = self._a["meaning_word_start"]
        return np.maximum(sums[starts[1:]] - sums[starts[:-1]], 1e-9)

    def measure(
        self,
        rows: Sequence[tuple[str, str]],
        chosen: Sequence[int],
        encoder: "Encoder",
        policy: Policy,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[list[int], dict[int, Likeness]]:
        """The chosen rows (prompt, answer) that can be compared, and what they come nearest to; see `compare`."""
        parts = {row: passages_of(row, *rows[row]) for row in chosen}
        found = [one for row in chosen for one in parts[row] if not is_foreign(one.text)]
        read = {one.row for one in found}
        able = [row for row in chosen if row in read or not parts[row]]
        vectors = encoder.encode([one.text for one in found])
        return able, self.compare(
            found, vectors, floor=policy.meaning_floor, margin=policy.meaning_margin, allowed=allowed
        )

    def nearest(self, vectors: NDArray[np.float32], allowed: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """The highest cosine of each vector with an item's; -1 where none takes part."""
        chosen = self._vectors if allowed is None else self._vectors[:, allowed[self._a["meaning_item"]]]
        if not chosen.shape[1]:
            return np.full(len(vectors), -1.0, np.float32)
        found: NDArray[np.float32] = (vectors @ chosen).max(axis=1)
        return found

    def compare(
        self,
        found: Sequence[Passage],
        vectors: NDArray[np.float32],
        *,
        floor: float,
        margin: float,
        allowed: NDArray[np.bool_] | None = None,
    ) -> dict[int, Likeness]:
        """By row, the item that it exceeds its limit for most, or comes nearest to. Rows near nothing are left out.

        `vectors`: one unit vector a passage. `allowed`: by item, whether it takes part.
        """
        nearest: dict[int, Likeness] = {}
        for first in range(0, len(found), ROWS_AT_ONCE):
            part = found[first : first + ROWS_AT_ONCE]
            cosines = vectors[first : first + ROWS_AT_ONCE] @ self._vectors
            if allowed is not None:
                cosines[:, ~allowed[self._a["meaning_item"]]] = -1.0
            for passage, row in zip(part, cosines, strict=True):
                one = self._nearest(passage, row, floor, margin)
                before = nearest.get(passage.row)
                if one and (before is None or one.score - one.limit > before.score - before.limit):
                    nearest[passage.row] = one
        return nearest

    def _nearest(self, passage: Passage, cosines: NDArray[np.float32], floor: float, margin: float) -> Likeness | None:
        best: Likeness | None = None
        for place, score in self._scored(passage.text, cosines, floor):
            background = float(self._a["meaning_background"][place])
            limit = max(floor, background + margin)
            if best is None or score - limit > best.score - best.limit:
                cosine, item = float(cosines[place]), int(self._a["meaning_item"][place])
                best = Likeness(item, score, limit, cosine, background, passage.start, passage.end)
        return best

    def _scored(self, text: str, cosines: NDArray[np.float32], least: float) -> Iterable[tuple[int, float]]:
        """The places (vectors) nearest to a passage and its score there. A score never exceeds the cosine."""
        near = np.flatnonzero(cosines >= least)
        if not len(near):
            return
        if len(near) > CANDIDATES:
            near = near[np.argpartition(-cosines[near], CANDIDATES)[:CANDIDATES]]
        words, numbers = self._marks.terms(text)
        for place in near.tolist():
            missing = 1.0 - self._shared_words(place, words)
            different = 1.0 - agreement(self._numbers(place), numbers)
            yield place, float(cosines[place]) - WORDS * missing - NUMBERS * different

    def _shared_words(self, place: int, words: frozenset[int]) -> float:
        """The share, by weight, of an item's words that are in a text."""
        start, end = self._a["meaning_word_start"][place : place + 2]
        weights = self._a["meaning_weights"][start:end].tolist()
        ours = self._a["meaning_words"][start:end].tolist()
        return sum(w for word, w in zip(ours, weights, strict=True) if word in words) / float(self._masses[place])

    def _numbers(self, place: int) -> Counter[int]:
        start, end = self._a["meaning_number_start"][place : place + 2]
        return Counter(self._a["meaning_numbers"][start:end].tolist())

    def background(self, encoder: "Encoder", reference: Sequence[str]) -> NDArray[np.float32]:
        """For each vector, the highest score that a clean text reaches against it (0 where none comes near)."""
        highest = np.zeros(len(self._a["meaning_item"]), np.float32)
        found = [one for row, text in enumerate(reference) for one in passages_of(row, *split(text))]
        vectors = encoder.encode([one.text for one in found])
        for first in range(0, len(found), ROWS_AT_ONCE):
            cosines = vectors[first : first + ROWS_AT_ONCE] @ self._vectors
            for passage, row in zip(found[first : first + ROWS_AT_ONCE], cosines, strict=True):
                for place, score in self._scored(passage.text, row, CALIBRATED_FROM):
                    highest[place] = max(highest[place], score)
        return highest


CALIBRATED_FROM = 0.55  # a clean text further away than this raises no item's limit
