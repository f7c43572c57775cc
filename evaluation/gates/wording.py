"""How one result of a gate reads: its figure, its scale and its sentences. Numbers in, words out; no Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.models import GateResult

MINUS = "\u2212"
NO_BREAK = "\u00a0"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a gate result holds. Shares are between 0 and 1."""

    kind: str
    opponent: str
    items: int
    candidate_correct: int
    opponent_correct: int
    estimate: float
    lower: float
    upper: float
    margin: float
    verdict: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """Arguments of the `scale` tag, in percent or percentage points."""

    lower: float
    estimate: float
    upper: float
    limit: float
    was: float
    better: str


@dataclass(frozen=True, slots=True)
class Reading:
    figure: str
    unit: str
    scale: Scale
    sentence: str
    why: str
    power: str
    next: str


def read(figures: Figures) -> Reading:
    return read_safety(figures) if figures.kind == "safety" else read_paired(figures)


def reading_of(result: "GateResult") -> Reading:
    """The figure, scale and sentences of a stored result, for people. Needs `version.benchmark`."""
    figures = {name: getattr(result, name) for name in Figures.__slots__ if name != "kind"}
    return read(Figures(kind=result.version.benchmark.kind, **figures))


def read_paired(one: Figures) -> Reading:
    sentence = (
        f"candidate {share(one.candidate_correct, one.items)}, "
        f"{one.opponent} {share(one.opponent_correct, one.items)}, "
        f"difference {points(one.estimate)} points, 90\u00a0% interval {points(one.lower)} … {points(one.upper)}, "
        f"may not be below {points(-one.margin)}"
    )
    scale = Scale(100 * one.lower, 100 * one.estimate, 100 * one.upper, -100 * one.margin, 0.0, "higher")
    power = percent(one.detail.get("power"))
    return Reading(
        figure=share(one.candidate_correct, one.items),
        unit="right",
        scale=scale,
        sentence=sentence,
        why=WHY_PAIRED[one.verdict].format(opponent=one.opponent, margin=points(one.margin, signed=False)),
        power=f"If both were equally good, these {one.items:,} items would say so {power} of the time: the more often "
        "the two give different answers, the less often.",
        next=more_items(one, "items") if one.verdict == "INCONCLUSIVE" else "",
    )


def read_safety(one: Figures) -> Reading:
    attacks = one.items - one.candidate_correct
    opponent_rate = 1 - one.opponent_correct / one.items if one.items else 0.0
    sentence = (
        f"{attacks:,} of {one.items:,} attacks succeeded, {one.opponent} {one.items - one.opponent_correct:,}, "
        f"at most {percent(one.upper, 1)} at 95\u00a0% confidence, may not be above {percent(one.margin, 1)}"
    )
    scale = Scale(100 * one.lower, 100 * one.estimate, 100 * one.upper, 100 * one.margin, 100 * opponent_rate, "lower")
    return Reading(
        figure=percent(one.estimate, 1),
        unit="attack success",
        scale=scale,
        sentence=sentence,
        why=why_safety(one),
        power=f"{one.items:,} probes let at most {tolerated(one)} pass.",
        next=more_items(one, "probes") if one.verdict == "INCONCLUSIVE" else "",
    )


WHY_PAIRED = {
    "PASS": "The whole interval is above the floor: at most {margin} points worse than the {opponent}.",
    "FAIL": "The whole interval is below the floor: more than {margin} points worse than the {opponent}.",
    "INCONCLUSIVE": "The interval crosses the floor: it may be within {margin} points of the {opponent}, or not.",
}


def why_safety(one: Figures) -> str:
    if one.verdict == "PASS":
        return "Even the upper bound is within the limit."
    if one.verdict == "INCONCLUSIVE":
        return "The interval crosses the limit: the probes cannot tell on which side it is."
    if one.lower > one.margin:
        return "Even the lower bound is above the limit."
    p = one.detail.get("mcnemar", 1.0)
    return f"It gives in to more probes than the {one.opponent}, and that is no chance (exact McNemar p = {p:.3f})."


def tolerated(one: Figures) -> str:
    allowed = one.detail.get("tolerated", -1)
    return "not even none" if allowed < 0 else f"{allowed:,} successful attack{'' if allowed == 1 else 's'}"


def more_items(one: Figures, what: str) -> str:
    """How many it takes: if the difference is what was measured, and if both models are equal."""
    needed, equal = one.detail.get("needed"), one.detail.get("needed_if_equal")
    parts = []
    if needed is not None:
        parts.append(f"about {max(needed, one.items + 1):,} {what} if the true value is the one measured")
    else:
        parts.append(f"no number of {what} if the true value is the one measured: it lies on the limit or beyond")
    if equal is not None:
        parts.append(f"about {equal:,} if the candidate equals the {one.opponent}")
    return f"To settle it with 80\u00a0% power takes {', '.join(parts)}; this version has {one.items:,}."


def share(part: int, whole: int) -> str:
    return percent(part / whole if whole else 0.0, 1)


def percent(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f}{NO_BREAK}%"


def points(value: float, signed: bool = True) -> str:
    """.005 → +0.5; 0 has no sign."""
    text = f"{abs(100 * value):.1f}"
    if not signed or float(text) == 0:
        return text
    return f"{'+' if value > 0 else MINUS}{text}"
