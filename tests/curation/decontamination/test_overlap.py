"""From measures to a verdict: which method, against which limit."""

import pytest

from curation.decontamination.overlap import Overlap, Policy, decide, merge_ranges

NOTHING = {"exact": 0.0, "sequence": 0.0, "containment": 0.0, "jaccard": 0.0}
POLICY = Policy(containment_limit=0.3, jaccard_limit=0.8, meaning_floor=0.7, meaning_margin=0.1)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({}, None),
        ({"containment": 0.29, "jaccard": 0.79}, None),
        ({"containment": 0.3, "jaccard": 0.8}, ("containment", 0.3, 0.3)),
        ({"jaccard": 0.8}, ("jaccard", 0.8, 0.8)),
        ({"exact": 1.0, "sequence": 1.0, "containment": 1.0}, ("exact", 1.0, 1.0)),
        ({"sequence": 1.0, "containment": 0.5}, ("sequence", 1.0, 1.0)),
    ],
)
def test_the_first_measure_at_its_limit_decides(scores, expected):
    assert decide(NOTHING | scores, POLICY) == expected


def test_a_limit_moves_the_verdict():
    scores = NOTHING | {"containment": 0.4}
    assert decide(scores, Policy(containment_limit=0.41)) is None
    assert decide(scores, Policy(containment_limit=0.4)) == ("containment", 0.4, 0.4)


@pytest.mark.parametrize(
    ("other", "limit"), [({"meaning_background": 0.65}, 0.75), ({"meaning_limit": 0.9}, 0.7), ({}, 0.7)]
)
def test_the_limit_of_meaning_follows_from_the_background_alone(other, limit):
    assert decide({"meaning": 0.76} | other, POLICY) == ("meaning", 0.76, limit)


def test_a_limit_of_nothing_blocks_no_row_that_shares_nothing():
    assert decide(NOTHING, Policy(containment_limit=0.0)) is None


def test_stored_values_of_another_version_make_a_policy():
    policy = Policy.of({"containment_limit": "0.35", "a_limit_of_tomorrow": 3})
    assert policy == Policy(containment_limit=0.35)


def test_an_overlap_is_blocked_from_its_limit():
    assert Overlap(0.3, 0.3, "containment").blocked and not Overlap(0.2999, 0.3, "containment").blocked


def test_ranges_near_each_other_are_one():
    assert merge_ranges([(0, 3), (9, 12), (20, 23), (21, 24)]) == [(0, 12), (20, 24)]
