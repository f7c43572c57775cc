"""The loss chart's points, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.monitoring.chart import loss_series, newest, thin

METRICS = [
    {"step": 1, "ce": 3.0, "replay_loss": None, "kept_aside_loss": None, "kl": 0.0},
    {"step": 2, "ce": 2.0, "replay_loss": 1.5, "kept_aside_loss": None, "kl": 0.01},
    {"step": 3, "ce": float("nan"), "replay_loss": 1.4, "kept_aside_loss": 2.5, "kl": 0.02},
]


def test_each_loss_is_a_line_of_what_was_measured():
    assert loss_series(METRICS) == [
        ("train", "s1 raw", [(1.0, 3.0), (2.0, 2.0)]),
        ("kept aside", "s2", [(3.0, 2.5)]),
        ("replay", "s3", [(2.0, 1.5), (3.0, 1.4)]),
    ]


def test_nothing_measured_is_no_line():
    assert loss_series([]) == []


def test_the_tiles_show_the_newest_value_that_there_is():
    values = newest(METRICS[:2] + [{"step": 3, "replay_loss": None, "kl": 0.02}])
    assert (values["step"], values["kl"], values["replay_loss"], values["ce"]) == (3, 0.02, 1.5, 2.0)


def test_a_short_line_is_kept_as_it_is():
    points = [(float(k), 1.0) for k in range(300)]
    assert thin(points, 300) == points


def test_a_spike_survives_thinning():
    points = [(float(k), 1.0) for k in range(10_000)]
    points[4321] = (4321.0, 99.0)
    points[777] = (777.0, -99.0)
    thinned = thin(points, 40)
    assert {(4321.0, 99.0), (777.0, -99.0)} <= set(thinned)
    assert len(thinned) <= 40


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400),
    st.integers(min_value=4, max_value=60),
)
def test_thinning_keeps_both_ends_the_order_and_real_points(values, most):
    points = [(float(k), value) for k, value in enumerate(values)]
    thinned = thin(points, most)
    assert len(thinned) <= max(most, 4)
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert thinned == sorted(set(thinned)) or len(points) == 1
    assert set(thinned) <= set(points)


def test_too_little_room_is_refused():
    with pytest.raises(ValueError, match="most=3"):
        thin([(float(k), 0.0) for k in range(9)], 3)
