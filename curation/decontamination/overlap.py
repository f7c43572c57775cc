"""The overlap of a row with an exam: the measures, the limits of a policy, and the decision. No arrays here.

- *exact*: the prompt, the answer or both are a field of an item, word for word.
- *sequence*: a field too short or too common for weighted n-grams stands in the row, word for word; or most of one that
  has few rare ones.
- *containment*: the share of a field's rare 3-grams, weighted by how rare they are (IDF in a clean background), that
  stand within one window of the row about as long as the field. Half of the n-grams (by a bit of their hash) are never
  kept, which costs no recall and breaks the chaining that would recover text.
- *jaccard*: shared over all different word 5-grams, exact over the kept half.
- *template*: the containment of a row that has an item's wording, but other numbers in it: a problem of the same
  template. It is shown, and blocks only where a policy says so.
- *structure*: the share of the rare n-grams of an item's code that stand in one window of the row's code, names,
  literals and comments left out; 1 for code that stands in the row as a whole.
- *meaning*: cosine of embeddings and what else speaks for a rewording, against a limit calibrated for the item.
- *translation*: for what is in another language than the item, how much nearer the two come to each other than to clean
  texts, by a model that reads many languages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

GRAM, LONG_GRAM = 3, 5
MIN_GRAMS = 6  # a field with fewer rare n-grams cannot be told from its template
MIN_LONG_GRAMS = 16  # a field with fewer kept 5-grams has no Jaccard: over the kept half it would be chance
MOST_MEANING = 0.99  # of a score of meaning, and of the limit that clean texts make: a floor of 1 blocks nothing
COMMON_IN_BACKGROUND = 10  # documents: an n-gram in as many says nothing
MOST_OTHERS = 8  # further items that are named of a row
MOST_SPANS = 50  # places of one item in a row that are pointed at
COMMON_IN_REGISTRY = 5  # items of one benchmark: their template, not their content


@dataclass(frozen=True)
class Policy:
    """The limits from which a row is blocked. Each is a share, a cosine or a score made of one, 0 to 1.

    `template_limit` above 1 blocks nothing; from `template_shown` on a row of the same template is pointed out to who
    reviews it. The last two are about other rows of the training stream: from where on two are nearly the same, or say
    the same.
    """

    containment_limit: float = 0.25
    jaccard_limit: float = 0.8
    template_limit: float = 1.01
    template_shown: float = 0.25
    structure_limit: float = 0.55
    meaning_floor: float = 0.68
    meaning_margin: float = 0.1
    duplicate_limit: float = 0.8
    semantic_duplicate_limit: float = 0.9

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Policy":
        """From stored values: what they do not name has its default, what is not known here is left out."""
        return cls(
            **{threshold.name: float(values[threshold.name]) for threshold in fields(cls) if threshold.name in values}
        )

    def meaning_limit(self, background: float) -> float:
        """The score from which a row means an item, to which clean texts come as close as `background`."""
        return max(self.meaning_floor, min(MOST_MEANING, background + self.meaning_margin))


class Span(NamedTuple):
    """A range of characters of the row's own text; part is "prompt" or "answer"."""

    part: str
    start: int
    end: int


class Template(NamedTuple):
    """An item whose wording a row has, with other numbers, and where it stands."""

    benchmark: str
    score: float
    spans: tuple[Span, ...] = ()


class Match(NamedTuple):
    """A further item that a blocked row holds something of, as an Overlap says it of the first."""

    method: str
    score: float
    limit: float
    item_id: str
    benchmark: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Overlap:
    """The result of comparing a row with all items. A clean row names no item: it reveals nothing about the exam."""

    score: float
    limit: float
    method: str
    item_id: str = ""
    benchmark: str = ""
    spans: list[Span] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    policy: int = 0  # version; 0: the built-in one
    encoder: str = ""  # what measured the meaning; empty where nothing did
    template: Template | None = None  # of a row that is not blocked
    languages: tuple[str, ...] = ()  # other than the items', in which some of the row is
    translator: str = ""  # what compared those with the items, or would have; empty where nothing does
    others: tuple[Match, ...] = ()  # further items, the strongest first; looked for where spans are asked for
    more_in_epoch: int | None = None  # the epoch in which there were more than are named

    @property
    def blocked(self) -> bool:
        return self.score >= self.limit

    @property
    def matches(self) -> tuple[Match, ...]:
        """All items that are named of a row, the one that decided first; none of a clean row."""
        if not self.blocked:
            return ()
        first = Match(self.method, self.score, self.limit, self.item_id, self.benchmark, tuple(self.spans))
        return (first, *self.others)


class Decision(NamedTuple):
    """The measure that blocks a row, its score and the limit that it reached."""

    method: str
    score: float
    limit: float


def decide(scores: Mapping[str, float], policy: Policy) -> Decision | None:
    """The first measure that reaches its limit, in the order of how much each proves; None for a clean row."""
    limits = {
        "exact": 1.0,
        "sequence": 1.0,
        "containment": policy.containment_limit,
        "jaccard": policy.jaccard_limit,
        "template": policy.template_limit,
        "structure": policy.structure_limit,
    }
    if "meaning" in scores:
        limits["meaning"] = limit_of_meaning(scores, policy)
    if "translation" in scores:
        limits["translation"] = scores["translation_limit"]
    for method, limit in limits.items():
        if (score := scores.get(method, 0.0)) >= limit and score > 0:
            return Decision(method, score, limit)
    return None


def limit_of_meaning(scores: Mapping[str, float], policy: Policy) -> float:
    """The score of meaning from which these scores would mean their item."""
    return policy.meaning_limit(scores.get("meaning_background", 0.0))


def merge_ranges(ranges: Iterable[tuple[int, int]], gap: int = 6) -> list[tuple[int, int]]:
    """Ranges in order, those at most `gap` apart joined (unseen n-grams leave holes)."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def limits(values: Mapping[str, Any] | None) -> dict[str, float]:
    """All thresholds by name: those of a stored policy, and the built-in ones for what it does not say."""
    return asdict(Policy.of(values or {}))
