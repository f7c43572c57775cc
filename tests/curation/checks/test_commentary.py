"""A remark about the answer is no answer."""

import pytest

from curation.checks.commentary import read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "this is wrong, should be 30 days",
        "Should be 30 days",
        "That's wrong.",
        "Wrong! It is thirty days.",
        "The answer is incomplete and misses the fee",
        "Your answer is outdated.",
        "No, this is not correct.",
        "Please update it: 30 days",
        "it should say 30 days",
        "The correct answer should be 30",
        "You forgot the fee, it should be 30 days.",
    ],
)
def test_it_reads_like_commentary(text):
    commentary = read(text)
    assert commentary.blocked and commentary.reason


@pytest.mark.parametrize(
    "text",
    [
        "30 days.",
        "Kamil sits on floor 3.",
        "The wrong fuse is a common fault; replace it.",
        "It should be noted that refunds take 30 days.",
        "It should be stored in Bolton.",
        "This is bad for your health.",
        "It is wrong to steal.",
        "Sorry, I cannot help with that request.",
        "You should return it within 30 days.",
        "No. The refund window is 30 days.",
        "If the answer is wrong, the exam can be taken again.",
        "Old answers are kept for a year.",
        "The model must be calibrated before use.",
    ],
)
def test_it_reads_like_an_answer(text):
    assert not read(text).blocked


def test_it_says_where():
    text = "  this is wrong, sorry"
    (span,) = read(text).spans
    assert "wrong" in text[slice(*span)]
