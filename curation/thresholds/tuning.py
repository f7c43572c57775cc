"""A policy measured on the labelled set: recall by form of leak, false positives, curves. Numbers in, numbers out.

Whatever is blocked under a limit is blocked under every lower one, so a curve over many limits costs a binary search a
row (`first_passed`), not a decision a row and limit.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from statistics import NormalDist, fmean
from typing import Any

from curation.decontamination.overlap import Policy, decide

Z = NormalDist().inv_cdf(0.975)
TEXTBOOK_LIMIT = 0.8
OFF = 1.01  # no score reaches it
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Threshold:
    """One field of a policy. A higher value always finds less; above `safe` it takes a lead to raise it.

    `on_leaks`: whether it decides about held-out items, and so moves what is measured here.
    """

    name: str
    label: str
    description: str
    low: float = 0.05
    high: float = OFF
    step: float = 0.01
    safe: float = 0.9
    on_leaks: bool = True

    def as_text(self, value: float) -> str:
        return "off" if value > 1 else f"{value:.3f}".rstrip("0").rstrip(".")

    @property
    def can_be_off(self) -> bool:
        return self.high > 1


THRESHOLDS = {
    threshold.name: threshold
    for threshold in (
        Threshold(
            "containment_limit",
            "Containment",
            "Share of an item’s rare phrases that stands in one window of the row.",
            low=0.1,
            safe=0.6,
        ),
        Threshold("jaccard_limit", "Jaccard", "Shared of all word 5-grams of row and item.", low=0.3, safe=0.95),
        Threshold(
            "template_limit",
            "Same template, other numbers",
            "Share of an item’s rare phrases from which a row with other numbers is stopped. Off: it is only shown.",
            low=0.1,
            safe=OFF,
            on_leaks=False,
        ),
        Threshold(
            "template_shown",
            "Same template, shown",
            "The share from which such a row is pointed out to who reviews it. Off: not at all.",
            low=0.1,
            safe=OFF,
            on_leaks=False,
        ),
        Threshold(
            "structure_limit",
            "Structure of code",
            "Share of an item’s code, names and literals left out, that stands in one window of the row’s.",
            low=0.2,
            safe=0.8,
        ),
        Threshold(
            "meaning_floor", "Meaning", "How alike a row and an item are in meaning, at least.", low=0.4, safe=0.8
        ),
        Threshold(
            "meaning_margin",
            "Meaning, margin",
            "How much nearer to the item than the nearest clean text is.",
            low=0.0,
            high=0.3,
            safe=0.2,
        ),
        Threshold(
            "duplicate_limit",
            "Near duplicates",
            "Shared of all character 5-grams of two training rows. Leaks do not depend on it.",
            low=0.5,
            safe=OFF,
            on_leaks=False,
        ),
        Threshold(
            "semantic_duplicate_limit",
            "Duplicates in meaning",
            "Similarity of two training rows’ embeddings. Leaks do not depend on it.",
            low=0.7,
            safe=OFF,
            on_leaks=False,
        ),
    )
}


def thresholds() -> list[Threshold]:
    """Every field of a policy, known here or not."""
    return [THRESHOLDS.get(name) or Threshold(name, name.replace("_", " ").capitalize(), "") for name in NAMES]


NAMES = [field.name for field in fields(Policy)]


class BadPolicy(ValueError):
    """A value is no threshold. `field` is its name, `remedy` what would be accepted."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.field, self.message, self.remedy = field, message, remedy


def parse(values: Mapping[str, Any], base: Policy | None = None) -> Policy:
    """A policy from numbers or their texts; fields left out are those of `base`. Raises BadPolicy.

    Names that are no field are refused: a threshold that nobody reads would look as if it were in force.
    """
    for name in values:
        if name not in NAMES:
            raise BadPolicy(str(name)[:60], f"{str(name)[:60]!r} is no threshold.", f"Name one of {', '.join(NAMES)}.")
    changed = {
        threshold.name: parsed(threshold, values[threshold.name])
        for threshold in thresholds()
        if threshold.name in values
    }
    return replace(base or Policy(), **changed)


def parsed(threshold: Threshold, value: object) -> float:
    remedy = f"Give a number from {threshold.low:g} to {threshold.high:g}."
    try:
        number = float(str(value))
    except ValueError as problem:
        raise BadPolicy(threshold.name, f"{str(value)[:40]!r} is no number.", remedy) from problem
    if not math.isfinite(number) or not threshold.low <= round(number, DIGITS) <= threshold.high:
        raise BadPolicy(threshold.name, f"{number:g} is out of range.", remedy)
    return round(number, DIGITS)


def widest() -> Policy:
    """Every threshold at its lowest: what scores are taken under, so that none of them is cut short."""
    return replace(Policy(), **{threshold.name: threshold.low for threshold in thresholds()})


def unsafe(policy: Policy, in_force: Policy) -> list[Threshold]:
    """Thresholds that `policy` raises above what is in force and above their safe bound."""
    values, current = asdict(policy), asdict(in_force)
    return [
        threshold for threshold in thresholds() if values[threshold.name] > max(threshold.safe, current[threshold.name])
    ]


@dataclass(frozen=True)
class Group:
    """The scores of one form of leak, or of one set of texts that are none. The lists go together, row by row."""

    form: str
    is_leak: bool
    scores: Sequence[Mapping[str, float]]
    right: Sequence[bool]
    reporting: Sequence[bool]

    @classmethod
    def of_columns(cls, form: str, is_leak: bool, columns: Mapping[str, Sequence[Any]]) -> "Group":
        """From a list for each measure, in which None says that it was not taken of that row."""
        measures = {name: values for name, values in columns.items() if name not in ("right", "reporting")}
        scores = [
            {name: value for name, value in zip(measures, row, strict=True) if value is not None}
            for row in zip(*measures.values(), strict=True)
        ]
        return cls(form, is_leak, scores, *([bool(flag) for flag in columns[name]] for name in ("right", "reporting")))

    def __add__(self, other: "Group") -> "Group":
        return Group(
            self.form,
            self.is_leak,
            [*self.scores, *other.scores],
            [*self.right, *other.right],
            [*self.reporting, *other.reporting],
        )

    @cached_property
    def textbook(self) -> list[bool]:
        """Whether the textbook rule finds each row: Jaccard of character 5-grams."""
        return [scores.get("textbook", 0.0) >= TEXTBOOK_LIMIT for scores in self.scores]


def columns_of(rows: Iterable[tuple[Mapping[str, float], bool, bool]]) -> dict[str, list[Any]]:
    """The columns of rows of (scores, right, reporting): the reverse of `Group.of_columns`."""
    table = list(rows)
    names = sorted({name for scores, _, _ in table for name in scores})
    columns: dict[str, list[Any]] = {name: [rounded(scores.get(name)) for scores, _, _ in table] for name in names}
    return columns | {"right": [int(right) for _, right, _ in table], "reporting": [int(half) for *_, half in table]}


def rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


@dataclass(frozen=True, slots=True)
class Count:
    """A proportion: `hits` of `rows`."""

    hits: int
    rows: int

    @property
    def share(self) -> float | None:
        return self.hits / self.rows if self.rows else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share (Wilson 1927, Journal of the American Statistical Association 22:209)."""
        if not self.rows:
            return 0.0, 1.0
        share, n = self.hits / self.rows, self.rows
        centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Line:
    """One form or set under a policy: the half to tune on, the half to report on; the rest is of both."""

    form: str
    is_leak: bool
    tuning: Count
    reporting: Count
    right: Count
    textbook: Count


@dataclass(frozen=True)
class Measured:
    """The counts of a policy on the labelled set."""

    lines: Sequence[Line]

    @cached_property
    def leaks(self) -> list[Line]:
        return [line for line in self.lines if line.is_leak]

    @cached_property
    def negatives(self) -> list[Line]:
        return [line for line in self.lines if not line.is_leak]

    def macro(self, half: str) -> float | None:
        """Mean recall over the forms of leak (`tuning`, `reporting` or `textbook`)."""
        shares = [share for line in self.leaks if (share := getattr(line, half).share) is not None]
        return fmean(shares) if shares else None

    def false_positives(self, half: str) -> Count:
        """Over all sets of texts that are no leak."""
        counts = [getattr(line, half) for line in self.negatives]
        return Count(sum(count.hits for count in counts), sum(count.rows for count in counts))

    def summary(self) -> dict[str, Any]:
        """For the version's row and its event: shares and counts, no text."""
        return {
            half: {
                "macro_recall": rounded(self.macro(half)),
                "false_positives": self.false_positives(half).hits,
                "negatives": self.false_positives(half).rows,
                "recall": {line.form: rounded(getattr(line, half).share) for line in self.leaks},
            }
            for half in ("tuning", "reporting")
        }


def blocked(scores: Mapping[str, float], policy: Policy) -> bool:
    return decide(scores, policy) is not None


def measure(groups: Iterable[Group], policy: Policy) -> Measured:
    """Every form's counts under a policy."""
    return Measured([line_of(group, policy) for group in groups])


def line_of(group: Group, policy: Policy) -> Line:
    hits = [blocked(scores, policy) for scores in group.scores]
    return Line(
        group.form,
        group.is_leak,
        tuning=count(hits, [not half for half in group.reporting]),
        reporting=count(hits, group.reporting),
        right=Count(sum(hit and right for hit, right in zip(hits, group.right, strict=True)), sum(hits)),
        textbook=count(group.textbook, [True] * len(hits)),
    )


def count(hits: Sequence[bool], among: Sequence[bool]) -> Count:
    return Count(sum(hit and is_counted for hit, is_counted in zip(hits, among, strict=True)), sum(among))


def let_through(groups: Iterable[Group], policy: Policy, in_force: Policy) -> dict[str, Count]:
    """By form: how many leaks that are blocked now would pass under `policy`, of all of the form (both halves)."""
    lost = {}
    for group in groups:
        if group.is_leak:
            passed = sum(blocked(scores, in_force) and not blocked(scores, policy) for scores in group.scores)
            if passed:
                lost[group.form] = Count(passed, len(group.scores))
    return lost


@dataclass(frozen=True, slots=True)
class Point:
    """What one value of a threshold gives on the half to tune on."""

    limit: float
    recall: float
    false_positives: float


def curve(groups: Sequence[Group], policy: Policy, name: str, points: int = 41) -> list[Point]:
    """Macro recall and the share of false positives over values of one threshold, the others as they are."""
    threshold = next(threshold for threshold in thresholds() if threshold.name == name)
    steps = max(1, round((threshold.high - threshold.low) / threshold.step))
    every = max(1, math.ceil(steps / (points - 1)))
    limits = [round(threshold.low + threshold.step * step, DIGITS) for step in range(0, steps + 1, every)]
    policies = [replace(policy, **{name: limit}) for limit in limits]
    hits_by_form = {group.form: hits_at(group, policies) for group in groups if not all(group.reporting)}
    leaks = [hits_by_form[group.form] for group in groups if group.is_leak and group.form in hits_by_form]
    negatives = [hits_by_form[group.form] for group in groups if not group.is_leak and group.form in hits_by_form]
    rows = sum(n for _, n in negatives)
    return [
        Point(
            limit,
            fmean(hits[at] / n for hits, n in leaks) if leaks else math.nan,
            sum(hits[at] for hits, _ in negatives) / rows if rows else math.nan,
        )
        for at, limit in enumerate(limits)
    ]


def hits_at(group: Group, policies: Sequence[Policy]) -> tuple[list[int], int]:
    """How many rows of the half to tune on each policy blocks, and of how many."""
    passed = [0] * (len(policies) + 1)
    tuned = [scores for scores, reporting in zip(group.scores, group.reporting, strict=True) if not reporting]
    for scores in tuned:
        passed[first_passed(scores, policies)] += 1
    hits, left = [], len(tuned)
    for at in range(len(policies)):
        left -= passed[at]
        hits.append(left)
    return hits, len(tuned)


def first_passed(scores: Mapping[str, float], policies: Sequence[Policy]) -> int:
    """Index of the first policy, of ever looser ones, that lets the row pass; their number if none does."""
    if blocked(scores, policies[-1]):
        return len(policies)
    return bisect_left(policies, True, key=lambda policy: not blocked(scores, policy))
