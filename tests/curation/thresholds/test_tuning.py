"""What a policy finds of the labelled set, with numbers counted by hand."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from curation.decontamination.overlap import Policy, decide
from curation.thresholds import tuning
from curation.thresholds.tuning import BadPolicy, Count, Group


def group(form, is_leak, rows):
    """Of (scores, right, reporting)."""
    return Group.of_columns(form, is_leak, tuning.columns_of(rows))


EXACT = {"exact": 1.0, "containment": 1.0, "jaccard": 1.0, "textbook": 1.0}
HALF = {"exact": 0.0, "containment": 0.5, "jaccard": 0.1, "textbook": 0.2}
LITTLE = {"exact": 0.0, "containment": 0.2, "jaccard": 0.0, "textbook": 0.1}
MEANT = {"containment": 0.0, "jaccard": 0.0, "meaning": 0.85, "meaning_background": 0.7}

COPIES = group("exact", True, [(EXACT, True, False), (EXACT, True, False), (EXACT, False, True)])
EDITS = group("word edits", True, [(HALF, True, False), (LITTLE, False, False), (LITTLE, False, False)])
REWORDED = group("reworded", True, [(MEANT, True, False), (MEANT, True, True)])
CLEAN = group("clean texts", False, [(LITTLE, False, False), (HALF, False, False), (LITTLE, False, True)])
LABELLED = (COPIES, EDITS, REWORDED, CLEAN)


def test_recall_by_form_and_by_half():
    lines = {line.form: line for line in tuning.measure(LABELLED, Policy()).lines}
    assert lines["exact"].tuning == Count(2, 2) and lines["exact"].reporting == Count(1, 1)
    assert lines["word edits"].tuning == Count(1, 3) and lines["word edits"].reporting == Count(0, 0)
    assert lines["reworded"].tuning == Count(1, 1) and lines["clean texts"].tuning == Count(1, 2)
    assert lines["exact"].right == Count(2, 3)
    assert lines["exact"].textbook == Count(3, 3) and lines["word edits"].textbook == Count(0, 3)


def test_macro_recall_is_the_mean_over_forms():
    measured = tuning.measure(LABELLED, Policy())
    assert measured.macro("tuning") == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert measured.macro("reporting") == pytest.approx((1 + 1) / 2)  # no edit is in that half
    assert measured.macro("textbook") == pytest.approx((1 + 0 + 0) / 3)
    assert measured.false_positives("tuning") == Count(1, 2) and measured.false_positives("reporting") == Count(0, 1)


def test_a_lower_limit_finds_more_and_a_higher_one_less():
    low, high = replace(Policy(), containment_limit=0.2), replace(Policy(), containment_limit=0.6)
    assert tuning.measure([EDITS], low).lines[0].tuning == Count(3, 3)
    assert tuning.measure([EDITS], high).lines[0].tuning == Count(0, 3)


def test_a_margin_is_counted_from_the_items_background():
    wide = replace(Policy(), meaning_floor=0.5, meaning_margin=0.16)  # .7 + .16 is above .85
    assert tuning.measure([REWORDED], wide).lines[0].tuning == Count(0, 1)


def test_what_a_looser_policy_would_let_through():
    loose = replace(Policy(), containment_limit=0.6, meaning_floor=0.9)
    lost = tuning.let_through(LABELLED, loose, Policy())
    assert lost == {"word edits": Count(1, 3), "reworded": Count(2, 2)}
    assert tuning.let_through(LABELLED, Policy(), loose) == {}


@pytest.mark.parametrize(("hits", "rows"), [(0, 20), (1, 1), (3, 1000), (500, 1000), (7, 7)])
def test_the_interval_is_wilsons(hits, rows):
    expected = binomtest(hits, rows).proportion_ci(method="wilson")
    assert Count(hits, rows).interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_by_hand():
    # 2 of 10, z = 1.96: (.2 + .19207) / 1.38415 -+ 1.96 / 1.38415 * sqrt(.016 + .0096) = .2833 -+ .2266
    assert Count(2, 10).interval == pytest.approx((0.0567, 0.5098), abs=1e-4)
    assert Count(0, 0).interval == (0.0, 1.0) and Count(0, 0).share is None


def test_columns_come_back_as_rows_and_missing_measures_stay_missing():
    columns = tuning.columns_of([(EXACT, True, False), (MEANT, False, True)])
    assert columns["exact"] == [1.0, None] and columns["meaning"] == [None, 0.85]
    back = Group.of_columns("f", True, columns)
    assert list(back.scores) == [EXACT, MEANT] and back.right == [True, False] and back.reporting == [False, True]


def test_two_parts_of_a_form_are_one_group():
    both = COPIES + COPIES
    assert len(both.scores) == 6 and tuning.measure([both], Policy()).lines[0].tuning == Count(4, 4)


def test_the_curve_agrees_with_measuring_each_point():
    for name in tuning.NAMES:
        for point in tuning.curve(LABELLED, Policy(), name):
            measured = tuning.measure(LABELLED, replace(Policy(), **{name: point.limit}))
            assert point.recall == pytest.approx(measured.macro("tuning"))
            assert point.false_positives == pytest.approx(measured.false_positives("tuning").share)


def test_the_curve_of_nothing_has_no_height():
    assert all(math.isnan(point.recall) for point in tuning.curve([CLEAN], Policy(), "containment_limit"))


SCORES = st.fixed_dictionaries({name: st.floats(0, 1) for name in ("containment", "jaccard", "meaning")})
LIMITS = st.floats(0, 1)


@given(scores=SCORES, name=st.sampled_from(tuning.NAMES), limits=st.tuples(LIMITS, LIMITS), background=LIMITS)
def test_what_passes_a_limit_passes_every_higher_one(scores, name, limits, background):
    """What the curves and the word "looser" rest on."""
    scores = scores | {"meaning_background": background}
    low, high = (replace(Policy(), **{name: limit}) for limit in sorted(limits))
    if decide(scores, low) is None:
        assert decide(scores, high) is None


def test_every_field_of_a_policy_has_a_threshold():
    by_name = {threshold.name: threshold for threshold in tuning.thresholds()}
    assert list(by_name) == tuning.NAMES
    for name, value in vars(Policy()).items():
        assert by_name[name].low <= value <= by_name[name].safe <= by_name[name].high and by_name[name].description


@pytest.mark.parametrize("value", ["", "a", "nan", "inf", "-1", "1.5", None, "0.09"])
def test_no_threshold_of_that_kind(value):
    with pytest.raises(BadPolicy) as bad:
        tuning.parse({"containment_limit": value})
    assert bad.value.field == "containment_limit" and "from 0.1 to 1.01" in bad.value.remedy


def test_a_threshold_that_nobody_reads_is_refused():
    with pytest.raises(BadPolicy, match="no threshold"):
        tuning.parse({"containment": 0.3})


def test_parsing_keeps_what_is_not_said():
    base = replace(Policy(), jaccard_limit=0.7)
    assert tuning.parse({"containment_limit": "0.4"}, base) == replace(base, containment_limit=0.4)
    assert tuning.parse({"containment_limit": 0.30004}) == replace(Policy(), containment_limit=0.3)


def test_switching_a_method_off_and_passing_its_safe_bound_are_unsafe():
    loose = replace(Policy(), containment_limit=0.61, jaccard_limit=1.01)
    assert [threshold.name for threshold in tuning.unsafe(loose, Policy())] == ["containment_limit", "jaccard_limit"]
    assert not tuning.unsafe(replace(Policy(), containment_limit=0.6), Policy())
    assert not tuning.unsafe(replace(Policy(), containment_limit=0.7), replace(Policy(), containment_limit=0.7))
    assert tuning.THRESHOLDS["jaccard_limit"].as_text(1.01) == "off"
    assert tuning.THRESHOLDS["jaccard_limit"].as_text(0.8) == "0.8"


def test_the_widest_policy_blocks_whatever_any_other_does():
    assert all(getattr(tuning.widest(), threshold.name) == threshold.low for threshold in tuning.thresholds())
