"""Geometry of the figures, with positions worked out by hand."""

import math

import pytest

from cftapp.base import plots


def test_an_axis_maps_its_ends_to_0_and_100() -> None:
    axis = plots.Axis(2.0, 6.0)
    assert [axis.at(value) for value in (2, 3, 6, 9)] == [0.0, 25.0, 100.0, 100.0]
    assert plots.Axis(2.0, 6.0, flip=True).at(3) == 75.0


def test_ticks_are_round_and_inside() -> None:
    labels = [label for _, label in plots.Axis(0.93, 2.6).ticks(4)]
    assert labels == ["1.0", "1.5", "2.0", "2.5"]


def test_a_large_axis_has_thousands_separators() -> None:
    assert [label for _, label in plots.Axis(0, 1500).ticks(3)] == ["0", "500", "1,000", "1,500"]


def test_one_value_still_makes_an_axis() -> None:
    axis = plots.padded([0.5, 0.5])
    assert axis.low < 0.5 < axis.high


def test_no_finite_point_makes_no_chart() -> None:
    assert plots.line_chart([("train", "s1", []), ("kept aside", "s2", [(0, math.nan)])]) is None


def test_a_chart_draws_each_line_on_the_shared_axes() -> None:
    chart = plots.line_chart([("train", "s1", [(0, 1.0), (10, 2.0)]), ("replay", "s3", [(5, 1.5)])])
    assert chart is not None
    assert [line.points for line in chart.lines] == ["0,954 1000,46", "500,500"]
    assert chart.rows == [("0", ["1", "–"]), ("5", ["–", "1.5"]), ("10", ["2", "–"])]


def test_labels_are_moved_apart_in_their_order() -> None:
    assert plots.spread_labels([50.0, 51.0, 10.0], gap=8) == [50.0, 58.0, 10.0]
    assert plots.spread_labels([98.0, 99.0], gap=8) == [92.0, 100.0]


@pytest.mark.parametrize("above", [True, False])
def test_the_forbidden_side_ends_at_the_limit(above: bool) -> None:
    drawn = plots.interval(0.80, 0.82, 0.84, 0.81, was=0.83, above=above)
    assert drawn.lower < drawn.limit < drawn.now < (drawn.was or 0) < drawn.upper
    if above:
        assert (drawn.forbidden_from, drawn.forbidden_width) == (0.0, drawn.limit)
    else:
        assert drawn.forbidden_from + drawn.forbidden_width == pytest.approx(100)
