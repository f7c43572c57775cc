"""Rewordings: is a row an item in other words? Embeddings find candidates; numbers and rare words confirm them.

The score of a passage of a row against an item is the cosine of their embeddings, less what a rewording would have
kept: up to NUMBERS_WEIGHT for the item's numbers, up to WORDS_WEIGHT for its rare words. Two problems from one template
have nearly the same embedding and different numbers; a rewording keeps both. An item's limit is the policy's floor, or
more where clean texts already come near the item (its *background*): items of a template must be met more closely.

Everything kept of an item is a vector, keyed fingerprints of its words and numbers, and weights: no text.
"""

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.decontamination import normalise
from curation.decontamination.overlap import Policy, Span

if TYPE_CHECKING:
    from curation.decontamination.engine.encoder import Encoder

NUMBERS_WEIGHT, WORDS_WEIGHT = 0.2, 0.15  # the most that different numbers, and missing words, take off the cosine
NEUTRAL_AGREEMENT = 0.5  # agreement where neither text has a number
CANDIDATES = 16  # items a passage is compared with in detail
LONGEST, WINDOW, STRIDE, MOST_WINDOWS = 180, 120, 80, 16  # words; and passages of one text
MOST_CHARACTERS = 4_000  # of a passage: more than an encoder reads
REFERENCE_TEXTS = 3_000  # that items are calibrated on, at most
ROWS_AT_ONCE = 256
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
ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")
GROUPED = re.compile(r"(?<=\d),(?=\d{3})")
_ENDINGS = ("ing", "ies", "ied", "es", "ed", "s", "ly", "er")


@dataclass(frozen=True)
class Passage:
    """A part of a row that is compared as a whole: which row, its text as embedded, and where it is in the row."""

    row: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class NearestItem:
    """The item nearest to a row in meaning, the passage that is near, and the item's own limit."""

    item: int
    score: float
    limit: float
    cosine: float
    background: float
    start: int
    end: int


def encoder_name(encoder: Mapping[str, Any] | None) -> str:
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
    """What is compared of a row: the whole of it, and its question where an answer of some length follows.

    The question of a text without an answer is its first line.
    """
    compared = list(passages(row, joined_text(prompt, answer)))
    question, answer_text = (prompt, answer) if answer else split_question(prompt)
    if question.strip() and len(answer_text.split()) > (3 if answer else 0):
        compared += passages(row, question)
    if prompt and answer and is_foreign(prompt):  # which says nothing about the answer
        shift = len(prompt) + 1
        compared += (replace(part, start=part.start + shift, end=part.end + shift) for part in passages(row, answer))
    return compared


def is_read_completely(prompt: str, answer: str) -> bool:
    """Whether the passages of a row leave nothing of it out."""
    return len(joined_text(prompt, answer).split()) <= WINDOW + STRIDE * (MOST_WINDOWS - 1)


def joined_text(prompt: str, answer: str) -> str:
    return f"{prompt}\n{answer}" if prompt and answer else prompt or answer


def text_to_embed(prompt: str, answer: str) -> str:
    """A row as one text to embed: of one that is not long, the first of its `row_passages`, so it is embedded once."""
    return readable(joined_text(prompt, answer)[:MOST_CHARACTERS])


def spans_of(row: tuple[str, str], nearest: NearestItem) -> Iterable[Span]:
    """The passage that came nearest, as ranges of the prompt and of the answer."""
    prompt, answer = row
    shift = len(prompt) + 1 if prompt and answer else len(prompt)
    if nearest.start < len(prompt):
        yield Span("prompt", nearest.start, min(nearest.end, len(prompt)))
    if answer and nearest.end > shift:
        yield Span("answer", max(0, nearest.start - shift), nearest.end - shift)


def terms(text: str) -> tuple[set[str], Counter[str]]:
    """The stems of a text's words, and its numbers as digits: "3,000" is 3000; two, 2nd, twice and half are 2."""
    words = [_AS_DIGITS.get(word, word) for word in normalise.words(GROUPED.sub("", text))]
    return {stem(word) for word in words if not word[0].isdigit()}, Counter(numbers_among(words))


def numbers_of(text: str) -> set[str]:
    """The different numbers of a text, as `terms` has them, without the work for its words."""
    return set(numbers_among(_AS_DIGITS.get(word, word) for word in normalise.words(GROUPED.sub("", text))))


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


def agreement(ours: Counter[int], theirs: Counter[int]) -> float:
    """Jaccard index of two multisets of numbers."""
    if not ours:
        return NEUTRAL_AGREEMENT
    return (ours & theirs).total() / (ours | theirs).total()


# --- building ---------------------------------------------------------------------------------------------------------
def build_arrays(
    items: Sequence[tuple[str, str]],
    encoder: "Encoder",
    reference: Sequence[str],
    key: bytes,
    chosen: Sequence[int] | None = None,
) -> dict[str, NDArray[Any]]:
    """The arrays of `items` (question, answer): two vectors an item, one without an answer, and what confirms them.

    `reference`: clean texts that the items' limits are calibrated on; those that share wording with an item must have
    been set aside. `chosen`: the numbers of the items that have vectors; not given: all.
    """
    numbers_of_items = range(len(items)) if chosen is None else chosen
    texts = [(number, text) for number in numbers_of_items for text in item_texts(*items[number])]
    fingerprints = Fingerprints(key)
    item_terms = [fingerprints.terms(text) for _, text in texts]
    sample = sample_evenly(reference, REFERENCE_TEXTS)
    weights = idf_weights([words for words, _ in item_terms], [fingerprints.terms(text)[0] for text in sample])
    words = [sorted(hashes) for hashes, _ in item_terms]
    numbers = [sorted(hashes.elements()) for _, hashes in item_terms]
    arrays: dict[str, NDArray[Any]] = {
        "meaning_vectors": encoder.encode([readable(text) for _, text in texts]).astype(np.float16),
        "meaning_item": np.array([number for number, _ in texts], np.int32),
        "meaning_words": np.array([word for hashes in words for word in hashes], np.uint64),
        "meaning_weights": np.array([weights[word] for hashes in words for word in hashes], np.float32),
        "meaning_word_start": np.cumsum([0, *map(len, words)], dtype=np.int64),
        "meaning_numbers": np.array([number for hashes in numbers for number in hashes], np.uint64),
        "meaning_number_start": np.cumsum([0, *map(len, numbers)], dtype=np.int64),
        "meaning_background": np.zeros(len(texts), np.float32),
    }
    meaning = Meaning(arrays, key)
    arrays["meaning_background"] = meaning.background(encoder, sample)
    return arrays


def item_texts(question: str, answer: str) -> list[str]:
    """What of an item is embedded: its question, and question and answer together."""
    both = f"{question}\n{answer}"
    return [question, both] if question.strip() and len(answer.split()) > 3 else [both.strip()]


def split_question(text: str) -> tuple[str, str]:
    """A clean text as a row: what comes before the first line break is its question."""
    question, _, answer = text.partition("\n")
    return question, answer


def sample_evenly(texts: Sequence[str], most: int) -> list[str]:
    """At most so many of the texts, evenly chosen."""
    return [texts[int(i)] for i in np.linspace(0, len(texts) - 1, most)] if len(texts) > most else list(texts)


def idf_weights(items: Sequence[frozenset[int]], reference: Sequence[frozenset[int]]) -> dict[int, float]:
    """How much each word of the items says: log((N + 1) / (df + 1/2)) over items and clean texts together."""
    frequency: Counter[int] = Counter()
    for words in (*items, *reference):
        frequency.update(words)
    documents = len(items) + len(reference)
    return {word: math.log((documents + 1) / (count + 0.5)) for word, count in frequency.items()}


# --- comparing --------------------------------------------------------------------------------------------------------
class Meaning:
    """The opened arrays of a registry, and how rows are compared with them."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], key: bytes) -> None:
        self._arrays = arrays
        self._fingerprints = Fingerprints(key)

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._arrays["meaning_vectors"].astype(np.float32).T)

    @cached_property
    def _masses(self) -> NDArray[np.float64]:
        sums = np.concatenate([[0.0], np.cumsum(self._arrays["meaning_weights"], dtype=np.float64)])
        starts = self._arrays["meaning_word_start"]
        return np.maximum(sums[starts[1:]] - sums[starts[:-1]], 1e-9)

    def measure(
        self,
        rows: Sequence[tuple[str, str]],
        chosen: Sequence[int],
        encoder: "Encoder",
        policy: Policy,
        allowed: NDArray[np.bool_] | None = None,
        excluded: Mapping[int, range] | None = None,
    ) -> tuple[list[int], dict[int, NearestItem]]:
        """The chosen rows (prompt, answer) that can be compared, and what they come nearest to; see `compare`."""
        parts = {row: row_passages(row, *rows[row]) for row in chosen}
        compared = [passage for row in chosen for passage in parts[row] if not is_foreign(passage.text)]
        readable_rows = {passage.row for passage in compared}
        comparable = [row for row in chosen if row in readable_rows or not parts[row]]
        vectors = encoder.encode([passage.text for passage in compared])
        return comparable, self.compare(
            compared,
            vectors,
            floor=policy.meaning_floor,
            margin=policy.meaning_margin,
            allowed=allowed,
            excluded=excluded,
        )

    def nearest(self, vectors: NDArray[np.float32], allowed: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """The highest cosine of each vector with an item's; -1 where none takes part."""
        chosen = self._vectors if allowed is None else self._vectors[:, allowed[self._arrays["meaning_item"]]]
        if not chosen.shape[1]:
            return np.full(len(vectors), -1.0, np.float32)
        highest: NDArray[np.float32] = (vectors @ chosen).max(axis=1)
        return highest

    def compare(
        self,
        compared: Sequence[Passage],
        vectors: NDArray[np.float32],
        *,
        floor: float,
        margin: float,
        allowed: NDArray[np.bool_] | None = None,
        excluded: Mapping[int, range] | None = None,
    ) -> dict[int, NearestItem]:
        """By row, the item that it exceeds its limit for most, or comes nearest to. Rows near nothing are left out.

        `vectors`: one unit vector a passage. `allowed`: by item, whether it takes part; `excluded`: by row, the items
        that do not.
        """
        nearest: dict[int, NearestItem] = {}
        for first in range(0, len(compared), ROWS_AT_ONCE):
            batch = compared[first : first + ROWS_AT_ONCE]
            cosines = vectors[first : first + ROWS_AT_ONCE] @ self._vectors
            if allowed is not None:
                cosines[:, ~allowed[self._arrays["meaning_item"]]] = -1.0
            for passage, row in zip(batch, cosines, strict=True):
                if excluded and passage.row in excluded:
                    items = excluded[passage.row]
                    first_place, end = np.searchsorted(self._arrays["meaning_item"], [items.start, items.stop])
                    row[first_place:end] = -1.0
                candidate = self._nearest_item(passage, row, floor, margin)
                best = nearest.get(passage.row)
                if candidate and (best is None or candidate.score - candidate.limit > best.score - best.limit):
                    nearest[passage.row] = candidate
        return nearest

    def _nearest_item(
        self, passage: Passage, cosines: NDArray[np.float32], floor: float, margin: float
    ) -> NearestItem | None:
        best: NearestItem | None = None
        for place, score in self._scored(passage.text, cosines, floor):
            background = float(self._arrays["meaning_background"][place])
            limit = max(floor, background + margin)
            if best is None or score - limit > best.score - best.limit:
                cosine, item = float(cosines[place]), int(self._arrays["meaning_item"][place])
                best = NearestItem(item, score, limit, cosine, background, passage.start, passage.end)
        return best

    def _scored(self, text: str, cosines: NDArray[np.float32], least: float) -> Iterable[tuple[int, float]]:
        """The places (vectors) nearest to a passage and its score there. A score never exceeds the cosine."""
        near = np.flatnonzero(cosines >= least)
        if not len(near):
            return
        if len(near) > CANDIDATES:
            near = near[np.argpartition(-cosines[near], CANDIDATES)[:CANDIDATES]]
        words, numbers = self._fingerprints.terms(text)
        for place in near.tolist():
            missing = 1.0 - self._shared_words(place, words)
            different = 1.0 - agreement(self._numbers(place), numbers)
            yield place, float(cosines[place]) - WORDS_WEIGHT * missing - NUMBERS_WEIGHT * different

    def _shared_words(self, place: int, words: frozenset[int]) -> float:
        """The share, by weight, of an item's words that are in a text."""
        start, end = self._arrays["meaning_word_start"][place : place + 2]
        weights = self._arrays["meaning_weights"][start:end].tolist()
        ours = self._arrays["meaning_words"][start:end].tolist()
        return sum(w for word, w in zip(ours, weights, strict=True) if word in words) / float(self._masses[place])

    def _numbers(self, place: int) -> Counter[int]:
        start, end = self._arrays["meaning_number_start"][place : place + 2]
        return Counter(self._arrays["meaning_numbers"][start:end].tolist())

    def background(self, encoder: "Encoder", reference: Sequence[str]) -> NDArray[np.float32]:
        """For each vector, the highest score that a clean text reaches against it (0 where none comes near)."""
        highest = np.zeros(len(self._arrays["meaning_item"]), np.float32)
        compared = [
            passage for row, text in enumerate(reference) for passage in row_passages(row, *split_question(text))
        ]
        vectors = encoder.encode([passage.text for passage in compared])
        for first in range(0, len(compared), ROWS_AT_ONCE):
            cosines = vectors[first : first + ROWS_AT_ONCE] @ self._vectors
            for passage, near in zip(compared[first : first + ROWS_AT_ONCE], cosines, strict=True):
                for place, score in self._scored(passage.text, near, CALIBRATED_FROM):
                    highest[place] = max(highest[place], score)
        return highest


CALIBRATED_FROM = 0.55  # a clean text further away than this raises no item's limit
