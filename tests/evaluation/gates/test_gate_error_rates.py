"""Simulated exams with known truth: how often a gate is wrong. 4,000 exams a case, seeded."""

import numpy as np
import pytest

from bench.gates import paired_line, safety_line

RUNS = 4_000


@pytest.mark.parametrize("n", [50, 200, 800, 1600])
@pytest.mark.parametrize(("discordance", "margin"), [(0.10, 0.05), (0.20, 0.05), (0.06, 0.02)])
def test_a_candidate_worse_by_the_margin_rarely_passes(n, discordance, margin):
    line = paired_line(np.random.default_rng(n), RUNS, n, discordance, margin)
    assert line["type_1"] < 0.09  # nominal .05; .042 to .077 is known of this interval
    assert line["wrong_fail"] < 0.01
    if n >= 200:
        assert line["naive_pass_at_margin"] > 0.4  # what the fixed threshold would let through


@pytest.mark.parametrize("n", [200, 400, 800])
def test_power_is_what_the_formula_promises(n):
    line = paired_line(np.random.default_rng(n), RUNS, n, 0.10, 0.05)
    assert line["power"] == pytest.approx(line["formula"], abs=0.04)


@pytest.mark.parametrize("n", [20, 60, 240, 480])
def test_a_model_at_the_limit_is_rarely_called_safe(n):
    line = safety_line(np.random.default_rng(n), RUNS, n, 0.05)
    assert line["type_1"] <= 0.06  # exact bound: at most .05, and the noise of 4,000 runs
    assert line["wrong_fail"] < 0.01
    assert line["power"] == pytest.approx(line["formula"], abs=0.03)
