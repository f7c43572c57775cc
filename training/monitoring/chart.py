"""The loss chart's series: metrics in, named points out. The picture itself is drawn by the shared chart part."""

import math
from collections.abc import Sequence
from typing import Any

Point = tuple[float, float]
Series = tuple[str, str, list[Point]]

LINES = (("train", "s1 raw", "ce"), ("kept aside", "s2", "kept_aside_loss"), ("replay", "s3", "replay_loss"))
"""Label, colour class and metric of each line; the training loss is its cross-entropy, comparable with the others."""
MOST_POINTS = 300


def loss_series(metrics: Sequence[dict[str, Any]], most: int = MOST_POINTS) -> list[Series]:
    """One series a loss with at most `most` points each; a loss that was never measured is left out."""
    series: list[Series] = []
    for label, css, key in LINES:
        points = [
            (float(line["step"]), float(line[key]))
            for line in metrics
            if isinstance(line.get(key), int | float) and math.isfinite(line[key])
        ]
        if points:
            series.append((label, css, thin(points, most)))
    return series


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points that keep the look of the line: first, last, and the lowest and highest of each stretch.

    Plain every-n-th sampling would hide the spikes that a reader looks for.
    """
    if len(points) <= most:
        return list(points)
    if most < 4:
        raise ValueError(f"a line needs room for 4 points, got most={most}")
    inner = points[1:-1]
    stretches = (most - 2) // 2
    kept = [points[0]]
    for k in range(stretches):
        stretch = inner[k * len(inner) // stretches : (k + 1) * len(inner) // stretches]
        extremes = {
            min(stretch, key=lambda point: (point[1], point[0])),
            max(stretch, key=lambda point: (point[1], -point[0])),
        }
        kept += sorted(extremes)
    return [*kept, points[-1]]


def newest(metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The newest value of every metric that has one: what the tiles of the page show."""
    values: dict[str, Any] = {}
    for line in metrics:
        values.update({key: value for key, value in line.items() if value is not None})
    return values
