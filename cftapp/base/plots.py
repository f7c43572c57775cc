"""Geometry of the server-rendered figures: numbers in, positions in percent out. No Django, no markup."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high`, drawn over 0 to 100 percent; `flip` for an axis that grows upwards."""

    low: float
    high: float
    flip: bool = False

    def at(self, value: float) -> float:
        """Position of `value` in percent, two decimals; values outside the axis are drawn at its edge."""
        share = (value - self.low) / (self.high - self.low)
        share = min(1.0, max(0.0, share))
        return round(100 * (1 - share if self.flip else share), 2)

    def ticks(self, about: int = 4) -> list[tuple[float, str]]:
        """Round values on the axis with their positions in percent, as (position, label)."""
        step = round_step(self.high - self.low, about)
        digits = max(0, -math.floor(math.log10(step)))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [
            (self.at(k * step), f"{k * step:,.{digits}f}".replace("-", "\N{MINUS SIGN}"))
            for k in range(first, last + 1)
        ]


def round_step(span: float, about: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that divides `span` into about `about` parts."""
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def padded(values: Sequence[float], share: float = 0.05, flip: bool = False) -> Axis:
    """An axis around finite `values` with `share` of their span on either side; never of zero length."""
    low, high = min(values), max(values)
    margin = (high - low) * share or abs(high) * share or 1.0
    return Axis(low - margin, high + margin, flip)


@dataclass(frozen=True)
class Line:
    """One series of a chart: `points` as SVG wants them on a 1000 by 1000 canvas, and its direct label."""

    name: str
    css: str
    points: str
    last: str
    label_y: float


@dataclass(frozen=True)
class Chart:
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    x_axis: Axis
    y_axis: Axis
    rows: list[tuple[str, list[str]]]


def line_chart(series: Sequence[tuple[str, str, Sequence[Point]]], table_rows: int = 20) -> Chart | None:
    """Lay out named series of (x, y) points; None while no series has a finite point.

    `series` holds (name, css class, points). Points that are not finite are left out of their line.
    """
    finite = [(name, css, [p for p in points if math.isfinite(p[1])]) for name, css, points in series]
    finite = [line for line in finite if line[2]]
    if not finite:
        return None
    xs = [x for _, _, points in finite for x, _ in points]
    x_axis = Axis(min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1)
    y_axis = padded([y for _, _, points in finite for _, y in points], flip=True)
    spread = spread_labels([y_axis.at(points[-1][1]) for _, _, points in finite])
    lines = [
        Line(name, css, polyline(points, x_axis, y_axis), f"{points[-1][1]:.3g}", label_y)
        for (name, css, points), label_y in zip(finite, spread, strict=True)
    ]
    rows = as_rows([points for _, _, points in finite], table_rows)
    return Chart(lines, x_axis.ticks(6), y_axis.ticks(4), x_axis, y_axis, rows)


def polyline(points: Sequence[Point], x_axis: Axis, y_axis: Axis) -> str:
    """Points of an SVG polyline on a 1000 by 1000 canvas."""
    return " ".join(f"{x_axis.at(x) * 10:.0f},{y_axis.at(y) * 10:.0f}" for x, y in points)


def spread_labels(positions: Sequence[float], gap: float = 8.0) -> list[float]:
    """Move labels (percent from the top) apart until neighbours are `gap` apart, keeping their order and 0 to 100."""
    order = sorted(range(len(positions)), key=lambda k: positions[k])
    placed = list(positions)
    for before, after in zip(order, order[1:], strict=False):
        placed[after] = max(placed[after], placed[before] + gap)
    limit = 100.0
    for index in reversed(order):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return [round(position, 2) for position in placed]


def as_rows(series: Sequence[Sequence[Point]], limit: int) -> list[tuple[str, list[str]]]:
    """A table of at most `limit` evenly chosen x values, each with the value of every series (or a dash)."""
    lookup = [dict(points) for points in series]
    xs = sorted({x for points in series for x, _ in points})
    if len(xs) > limit:
        xs = [xs[round(k * (len(xs) - 1) / (limit - 1))] for k in range(limit)]
    return [(f"{x:g}", [f"{values[x]:.4g}" if x in values else "–" for values in lookup]) for x in xs]


def inner(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The ticks whose centred labels stay inside of the figure."""
    return [(at, label) for at, label in ticks if 5 <= at <= 95]


@dataclass(frozen=True)
class Interval:
    """A confidence interval against a floor or ceiling, zoomed to where the decision is; positions in percent."""

    lower: float
    now: float
    upper: float
    limit: float
    was: float | None
    forbidden_from: float
    forbidden_width: float
    ticks: list[tuple[float, str]]


def interval(
    lower: float, estimate: float, upper: float, limit: float, was: float | None = None, above: bool = True
) -> Interval:
    """Lay out `lower <= estimate <= upper` around `limit`; with `above` the allowed side is the higher one."""
    seen = [lower, estimate, upper, limit] + ([] if was is None else [was])
    axis = padded(seen, share=0.15)
    at = axis.at(limit)
    start, width = (0.0, at) if above else (at, round(100 - at, 2))
    previous = None if was is None else axis.at(was)
    return Interval(axis.at(lower), axis.at(estimate), axis.at(upper), at, previous, start, width, inner(axis.ticks(4)))
