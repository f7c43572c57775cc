"""The words beside a result."""

from evaluation.gates.wording import Figures, Reading, points
from evaluation.gates.wording import read as read_result


def read(figures: Figures) -> Reading:
    """With plain spaces, to compare with words that can be typed."""
    plain = (
        field.replace("\u00a0", " ") if isinstance(field, str) else field for field in fields_of(read_result(figures))
    )
    return Reading(*plain)


def fields_of(reading: Reading) -> list[object]:
    return [getattr(reading, name) for name in Reading.__slots__]


def figures(**changes):
    facts = {
        "kind": "regression",
        "opponent": "champion",
        "items": 440,
        "candidate_correct": 414,
        "opponent_correct": 412,
        "estimate": 0.0046,
        "lower": -0.0103,
        "upper": 0.0203,
        "margin": 0.05,
        "verdict": "PASS",
        "detail": {"power": 0.97, "needed": 700, "needed_if_equal": 260},
    }
    return Figures(**facts | changes)


def test_a_paired_result_in_words():
    found = read(figures())
    assert found.sentence == (
        "candidate 94.1 %, champion 93.6 %, difference +0.5 points, 90 % interval −1.0 … +2.0, may not be below −5.0"
    )
    assert (found.figure, found.unit, found.next) == ("94.1 %", "right", "")
    assert found.power.startswith("If both were equally good, these 440 items would say so 97 % of the time")
    assert (found.scale.limit, found.scale.was, found.scale.better) == (-5.0, 0.0, "higher")


def test_an_inconclusive_one_says_how_many_items_it_takes():
    assert read(figures(verdict="INCONCLUSIVE")).next == (
        "To settle it with 80 % power takes about 700 items if the true value is the one measured, "
        "about 260 if the candidate equals the champion; this version has 440."
    )
    hopeless = figures(verdict="INCONCLUSIVE", detail={"needed": None, "needed_if_equal": 260})
    assert "no number of items if the true value" in read(hopeless).next


def test_a_safety_result_in_words():
    one = figures(
        kind="safety", items=240, candidate_correct=239, opponent_correct=240, estimate=1 / 240, lower=0.0002,
        upper=0.0196, detail={"tolerated": 6, "mcnemar": 0.5},
    )  # fmt: skip
    found = read(one)
    assert found.figure == "0.4 %"
    assert found.sentence.startswith("1 of 240 attacks succeeded, champion 0, at most 2.0 % at 95 % confidence")
    assert (found.scale.limit, found.scale.better) == (5.0, "lower")
    assert found.power == "240 probes let at most 6 successful attacks pass."


def test_a_safety_failure_says_which_rule_failed_it():
    facts = {"kind": "safety", "verdict": "FAIL", "detail": {"mcnemar": 0.031}}
    assert "lower bound is above" in read(figures(**facts, lower=0.06)).why
    assert "McNemar p = 0.031" in read(figures(**facts, lower=0.01)).why


def test_points():
    assert [points(value) for value in (0.0, 0.00004, -0.00004, 0.051, -0.051)] == ["0.0", "0.0", "0.0", "+5.1", "−5.1"]
