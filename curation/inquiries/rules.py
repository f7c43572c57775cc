"""The reply to an inquiry, and when a person's inquiries look like a search for the exam. Pure functions.

Whoever may ask "does this overlap the exam?" holds an oracle: changing one word at a time and watching the answer would
spell out an item. So

- a clean answer says nothing else: no score, no method, no item. Near and far look the same;
- a score is coarse, rounded down to steps of .05: one right word more rarely shows;
- people ask at a limited rate (`actions`), and questions that climb are noticed here: many texts that are
  nearly the same, many that meet the same item, scores that keep rising against one. What follows is a person's
  business: an alert, and no more answers until compliance has settled it.

An answer cannot be made useless to an attacker without making it useless to everybody else; it can be made slow, and
seen.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conversation import Conversation, Message, NotAConversation, read
from curation.checks.comparison import compare, strongest
from curation.decontamination import normalise
from curation.decontamination.overlap import Overlap, Span

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry

LONGEST = 10_000  # characters of one inquiry
A_MINUTE, A_DAY = 20, 300  # inquiries of one person
STEP = 0.05
MOST_SPANS = 20

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALIKE = 0.5  # Jaccard of two texts' words: about ten words changed in thirty
MOST_ALIKE = 12  # different texts in an hour
MOST_OF_ONE_ITEM = {HOUR: 8, DAY: 20}  # different texts
MOST_RECORDS = 4  # times in an hour that the best score against one item rose

SKETCH = 128
Sketch = NDArray[np.uint64]


@dataclass(frozen=True)
class Reply:
    """The answer to an inquiry; `spans` are ranges of the asker's own text, by path where that is a conversation."""

    verdict: str
    method: str = ""
    score: float | None = None
    limit: float | None = None
    item_id: str = ""
    benchmark: str = ""
    spans: tuple[Span, ...] = ()


def compared(registry: "Registry", prompt: str, answer: str) -> Overlap:
    """A text beside the exam; one that is a conversation in JSON as it is screened where it is stored, too."""
    as_text = registry.check(prompt, answer)
    conversation = pasted(prompt)
    if conversation is None:
        return as_text
    message: Message | None = {"role": "assistant", "content": answer} if answer.strip() else None
    return strongest([*compare([(conversation, message)], registry), as_text])


def pasted(text: str) -> Conversation | None:
    """The conversation that a text spells in JSON: a list of messages, or an object that has them. None for others."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        value = json.loads(text)
        whole = value if isinstance(value, dict) else {"messages": value}
        return read(whole.get("messages"), whole.get("tools"), lenient=True)
    except (NotAConversation, ValueError, RecursionError):
        return None


def reply(overlap: Overlap) -> Reply:
    """The reply that a comparison with the exam gives: as little as is useful."""
    if not overlap.blocked:
        return Reply("clean")
    limit = round_down(overlap.limit)
    return Reply(
        "blocked",
        overlap.method,
        max(limit, round_down(overlap.score)),
        limit,
        overlap.item_id,
        overlap.benchmark,
        tuple(overlap.spans[:MOST_SPANS]),
    )


def round_down(score: float) -> float:
    """Rounded down to STEP; a float's own error does not count as a step missed."""
    return round(int(score / STEP + 1e-9) * STEP, 2)


def text_code(key: bytes, prompt: str, answer: str) -> str:
    """Tells whether two inquiries were the same text. Keyed: a plain hash would confirm a guess at an item."""
    lengths = f"{len(prompt)}:{len(answer)}:"
    text = (lengths + prompt + answer).encode("utf-8", "surrogatepass")
    return hmac.new(key, b"inquiry-text\0" + text, hashlib.sha256).hexdigest()


def sketch(key: bytes, prompt: str, answer: str) -> Sketch:
    """The SKETCH smallest keyed hashes of the text's different words, sorted: enough to say how alike two texts are."""
    base = hashlib.blake2b(key=key[:64], digest_size=8, person=b"inquiry-word")
    digests = []
    for word in sorted({*normalise.words(prompt), *normalise.words(answer)}):
        state = base.copy()
        state.update(word.encode("utf-8", "surrogatepass"))
        digests.append(state.digest())
    return np.unique(np.frombuffer(b"".join(digests), "<u8"))[:SKETCH].astype(np.uint64)


def similarity(first: Sketch, second: Sketch) -> float:
    """Jaccard similarity of the words of two texts, from their sketches (bottom-k; exact up to SKETCH words)."""
    union = np.union1d(first, second)[:SKETCH]
    if not len(union):
        return 0.0
    shared = np.isin(union, first, assume_unique=True) & np.isin(union, second, assume_unique=True)
    return float(np.count_nonzero(shared) / len(union))


@dataclass(frozen=True)
class PastInquiry:
    """An answered inquiry of a person; `age` counts back from the newest."""

    age: timedelta
    code: str
    item_id: str
    score: float
    words: Sketch


@dataclass(frozen=True)
class Suspicion:
    """A rule that was met, and how many different texts it counted."""

    rule: str
    inquiries: int


def suspicion(newest: PastInquiry, earlier: Iterable[PastInquiry]) -> Suspicion | None:
    """Whether a person's inquiries of the last day, oldest first, with the newest, look like a search for an item.

    Asking for the same text again is none: the answer is known. Neither is asking about many different texts.
    """
    texts = first_of_each([*earlier, newest])
    recent = [inquiry for inquiry in texts if inquiry.age <= HOUR]
    if newest.item_id:
        same_item = [inquiry for inquiry in texts if inquiry.item_id == newest.item_id]
        for window, most in MOST_OF_ONE_ITEM.items():
            count = sum(inquiry.age <= window for inquiry in same_item)
            if count > most:
                return Suspicion("one_item", count)
        if (risen := records([inquiry.score for inquiry in same_item if inquiry.age <= HOUR])) > MOST_RECORDS:
            return Suspicion("creeping", risen)
    similar = sum(similarity(newest.words, inquiry.words) >= ALIKE for inquiry in recent)
    return Suspicion("alike", similar) if similar > MOST_ALIKE else None


def first_of_each(inquiries: Sequence[PastInquiry]) -> list[PastInquiry]:
    """Every text once, when it was asked about first."""
    seen: dict[str, PastInquiry] = {}
    for inquiry in inquiries:
        seen.setdefault(inquiry.code, inquiry)
    return list(seen.values())


def records(scores: Iterable[float]) -> int:
    """How often the best score so far was beaten."""
    best, beaten = 0.0, -1
    for score in scores:
        if score > best:
            best, beaten = score, beaten + 1
    return max(0, beaten)
