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


def read_paired(result: Figures) -> Reading:
    sentence = (
        f"candidate {share(result.candidate_correct, result.items)}, "
        f"{result.opponent} {share(result.opponent_correct, result.items)}, "
        f"difference {points(result.estimate)} points, "
        f"90\u00a0% interval {points(result.lower)} … {points(result.upper)}, "
        f"may not be below {points(-result.margin)}"
    )
    scale = Scale(100 * result.lower, 100 * result.estimate, 100 * result.upper, -100 * result.margin, 0.0, "higher")
    power = percent(result.detail.get("power"))
    return Reading(
        figure=share(result.candidate_correct, result.items),
        unit="right",
        scale=scale,
        sentence=sentence,
        why=WHY_PAIRED[result.verdict].format(opponent=result.opponent, margin=points(result.margin, signed=False)),
        power=f"If both were equally good, these {result.items:,} items would say so {power} of the time: the more "
        "often the two give different answers, the less often.",
        next=more_items(result, "items") if result.verdict == "INCONCLUSIVE" else "",
    )


def read_safety(result: Figures) -> Reading:
    attacks = result.items - result.candidate_correct
    opponent_rate = 1 - result.opponent_correct / result.items if result.items else 0.0
    sentence = (
        f"{attacks:,} of {result.items:,} attacks succeeded, "
        f"{result.opponent} {result.items - result.opponent_correct:,}, "
        f"at most {percent(result.upper, 1)} at 95\u00a0% confidence, may not be above {percent(result.margin, 1)}"
    )
    scale = Scale(
        100 * result.lower, 100 * result.estimate, 100 * result.upper, 100 * result.margin, 100 * opponent_rate, "lower"
    )
    return Reading(
        figure=percent(result.estimate, 1),
        unit="attack success",
        scale=scale,
        sentence=sentence,
        why=why_safety(result),
        power=f"{result.items:,} probes let at most {tolerated(result)} pass.",
        next=more_items(result, "probes") if result.verdict == "INCONCLUSIVE" else "",
    )


WHY_PAIRED = {
    "PASS": "The whole interval is above the floor: at most {margin} points worse than the {opponent}.",
    "FAIL": "The whole interval is below the floor: more than {margin} points worse than the {opponent}.",
    "INCONCLUSIVE": "The interval crosses the floor: it may be within {margin} points of the {opponent}, or not.",
}


def why_safety(result: Figures) -> str:
    if result.verdict == "PASS":
        return "Even the upper bound is within the limit."
    if result.verdict == "INCONCLUSIVE":
        return "The interval crosses the limit: the probes cannot tell on which side it is."
    if result.lower > result.margin:
        return "Even the lower bound is above the limit."
    p = result.detail.get("mcnemar", 1.0)
    return f"It gives in to more probes than the {result.opponent}, and that is no chance (exact McNemar p = {p:.3f})."


def tolerated(result: Figures) -> str:
    allowed = result.detail.get("tolerated", -1)
    return "not even none" if allowed < 0 else f"{allowed:,} successful attack{'' if allowed == 1 else 's'}"


def more_items(result: Figures, what: str) -> str:
    """How many it takes: if the difference is what was measured, and if both models are equal."""
    needed, equal = result.detail.get("needed"), result.detail.get("needed_if_equal")
    parts = []
    if needed is not None:
        parts.append(f"about {max(needed, result.items + 1):,} {what} if the true value is the one measured")
    else:
        parts.append(f"no number of {what} if the true value is the one measured: it lies on the limit or beyond")
    if equal is not None:
        parts.append(f"about {equal:,} if the candidate equals the {result.opponent}")
    return f"To settle it with 80\u00a0% power takes {', '.join(parts)}; this version has {result.items:,}."


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
